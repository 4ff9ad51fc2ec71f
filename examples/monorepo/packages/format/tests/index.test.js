import assert from "node:assert/strict";
import { test } from "node:test";

import { asLine } from "../src/index.js";

test("words come with their counts", () => {
  assert.equal(asLine([["the", 2], ["sea", 1]]), "the (2), sea (1)");
});
