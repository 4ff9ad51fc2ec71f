import assert from "node:assert/strict";
import { test } from "node:test";

import { lines } from "../src/lines.js";

test("every text has a line", () => {
  assert.deepEqual(lines({ river: [["the", 2]] }), ["river: the (2)"]);
});
