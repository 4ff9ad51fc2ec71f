const FIRST_ROWS = 50;
let sorting = { column: isPlan ? "expected" : "took", down: true }, rowsShown = FIRST_ROWS;

const off = (stage) => (stage.expected_s && stage.wall_s !== null && !isPlan ? stage.wall_s - stage.expected_s.p50 : null);
const COLUMNS = [
  { id: "name", head: "stage", of: (s) => s.name },
  { id: "outcome", head: isPlan ? "verdict" : "outcome", of: (s) => s.outcome },
  ...(isPlan ? [] : [{ id: "took", head: "took", of: (s) => s.wall_s, show: seconds }]),
  { id: "expected", head: "expected", of: (s) => (s.expected_s ? s.expected_s.p50 : null), show: seconds },
  ...(isPlan ? [] : [
    { id: "off", head: "more than expected", of: off, show: (v) => (v === null ? "–" : (v < 0 ? "−" : "+") + seconds(Math.abs(v))) },
    { id: "cpu", head: "processor", of: (s) => s.cpu_s, show: seconds },
    { id: "rss", head: "memory", of: (s) => s.rss, show: bytes }]),
  { id: "bytes", head: "output", of: (s) => s.output_bytes, show: bytes },
  { id: "why", head: "why", of: (s) => s.problem || s.reason },
].filter((column) => !column.show || stages.some((s) => column.of(s) !== null && column.of(s) !== undefined));

function drawStages() {
  const table = byId("stages"), only = byId("outcome").value;
  const column = COLUMNS.find((one) => one.id === sorting.column) || COLUMNS[0], sign = sorting.down ? -1 : 1;
  const order = stages.map((_, i) => i).filter((i) => !only || stages[i].outcome === only);
  const key = (i) => column.of(stages[i]);
  order.sort((a, b) => {
    const x = key(a), y = key(b), noX = x === null || x === undefined, noY = y === null || y === undefined;
    if (noX || noY) return noX - noY || a - b;
    return (x < y ? -1 : x > y ? 1 : 0) * sign || a - b;
  });
  const heads = COLUMNS.map((one) => make("th", { scope: "col", class: one.show ? "n" : "", "aria-sort": one === column ? (sorting.down ? "descending" : "ascending") : "none" },
    make("button", { type: "button", "data-column": one.id, click: () => {
      sorting = { column: one.id, down: one === column ? !sorting.down : Boolean(one.show) };
      drawStages();
      table.querySelector(`[data-column="${one.id}"]`).focus();
    } }, one.head + (one === column ? (sorting.down ? " ↓" : " ↑") : ""))));
  const rows = order.slice(0, rowsShown).map((i) => make("tr", {}, ...COLUMNS.map((one) => cell(one, i))));
  table.replaceChildren(make("caption", { class: "unseen" }, "stages"), make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  const more = byId("more");
  more.hidden = order.length <= rowsShown;
  const left = order.length - rowsShown;
  more.textContent = left > 500 ? `show 500 of ${left} more` : `show ${left} more`;
}
function cell(column, i) {
  const stage = stages[i];
  if (column.id === "name") return make("td", { class: "name" }, make("button", { type: "button", class: "link", click: () => { select(i, { from: "table" }); byId("graph-part").scrollIntoView(); byId("details").focus({ preventScroll: true }); } }, stage.name));
  if (column.id === "outcome") return make("td", { class: `c-${stage.outcome}` }, `${glyphOf(stage.outcome)} ${shortOf(stage.outcome)}`);
  if (column.show) return make("td", { class: "n" }, column.show(column.of(stage)));
  return make("td", { class: column.id }, column.of(stage));
}
function startStages() {
  const counts = {};
  for (const stage of stages) counts[stage.outcome] = (counts[stage.outcome] || 0) + 1;
  byId("outcome").append(make("option", { value: "" }, `all (${stages.length})`),
    ...Object.keys(OUTCOMES).filter((one) => counts[one]).map((one) => make("option", { value: one }, `${shortOf(one)} (${counts[one]})`)));
  byId("outcome").addEventListener("change", () => { rowsShown = FIRST_ROWS; drawStages(); });
  byId("more").addEventListener("click", () => { rowsShown += 500; drawStages(); });
  drawStages();
}

// --- Forecast against actual. ----------------------------------------------------------------------

function startForecast() {
  const head = data.head, text = byId("forecast-text"), box = byId("forecast-box");
  if (isPlan) {
    const parts = [head.forecast_s ? `About ${interval(head.forecast_s)} with ${plural(head.jobs, "job")}; ${seconds(head.work_s)} of work.` : "How long it takes is not known."];
    if (head.unestimated) parts.push(`Of ${plural(head.unestimated, "stage")} nothing is known.`);
    for (const [jobs, took] of head.other_jobs) parts.push(`With ${jobs}: ${seconds(took)}.`);
    text.textContent = parts.join(" ");
    if (head.conflicts.length) {
      box.append(make("h3", {}, "look at these first"), make("ul", {}, ...head.conflicts.map(([path, kind, hint]) => make("li", {}, [path, kind, hint].filter(Boolean).join(": ")))));
    }
    if (head.orphans.length) box.append(make("h3", {}, "would be removed"), make("ul", {}, ...head.orphans.map((path) => make("li", {}, path))));
    return;
  }
  const judged = stages.map((_, i) => i).filter((i) => stages[i].outcome === "ran" && off(stages[i]) !== null);
  const inside = judged.filter((i) => stages[i].wall_s <= stages[i].expected_s.p90).length;
  const whole = head.forecast_s ? `The build was forecast to take ${interval(head.forecast_s)} and took ${seconds(head.wall_s)}${head.inside === null ? "" : head.inside ? ", which is inside" : ", which is longer than that"}. ` : "There was no forecast of the whole build. ";
  text.textContent = whole + (judged.length ? `Of ${plural(judged.length, "stage")} with a forecast ${inside} took no longer than foreseen (9 of 10 should). Furthest off:` : "No stage that ran had one.");
  if (!judged.length) return;
  const rows = judged.sort((a, b) => Math.abs(off(stages[b])) - Math.abs(off(stages[a]))).slice(0, 12);
  const top = Math.max(...rows.map((i) => Math.max(stages[i].wall_s, stages[i].expected_s.p90))) || 0.001;
  const wide = Math.max(Math.min(box.clientWidth, 1000), 300), left = Math.min(260, wide * 0.4), right = 70, high = rows.length * 24 + 4;
  const chart = draw("svg", { class: "chart", width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": "took, against the forecast; the table has the same" });
  const x = (s) => left + (s / top) * (wide - left - right);
  rows.forEach((i, row) => {
    const stage = stages[i], y = row * 24 + 4, { p50, p90 } = stage.expected_s;
    chart.append(draw("text", { x: 0, y: y + 12 }, cut(stage.name, Math.floor(left / 7.6))),
      titled(draw("rect", { class: `f-${stage.outcome}`, x: left, y: y + 1, width: Math.max(x(stage.wall_s) - left, 1), height: 14, rx: 2 }), `${stage.name} took ${seconds(stage.wall_s)}, expected ${interval(stage.expected_s)}`),
      draw("path", { class: "band", d: `M${x(p50)} ${y - 1}V${y + 17}M${x(p50)} ${y + 8}H${x(p90)}M${x(p90)} ${y + 3}V${y + 13}` }),
      draw("text", { class: "soft", x: Math.max(x(stage.wall_s), x(p90)) + 6, y: y + 12 }, seconds(stage.wall_s)));
  });
  box.append(chart, make("p", { class: "keys" }, "bars: what it took; lines: the forecast, from its middle (p50) to what it stays below 9 times in 10 (p90)"));
}

// --- Builds before. --------------------------------------------------------------------------------

function startPast() {
  const builds = data.builds.filter((one) => one.wall_s !== null);
  if (!builds.length) { byId("past-text").textContent = "No build is noted yet."; byId("past-details").hidden = true; return; }
  byId("past-text").textContent = `The last ${plural(builds.length, "build")} that had something to do; lines are their forecasts.`;
  const step = 26, left = 56, h = 140, base = h - 18, wide = left + builds.length * step + 10;
  const top = Math.max(...builds.map((one) => Math.max(one.wall_s, one.forecast_s ? one.forecast_s.p90 : 0))) || 0.001;
  const y = (s) => base - (s / top) * (base - 8);
  const chart = draw("svg", { class: "chart", width: wide, height: h, viewBox: `0 0 ${wide} ${h}`, role: "img", "aria-label": "times of builds; the table below has the same" });
  for (const share of [0.5, 1]) chart.append(draw("line", { class: "grid", x1: left, x2: wide, y1: y(top * share), y2: y(top * share) }), draw("text", { class: "soft", x: 0, y: y(top * share) + 4 }, tick(top * share)));
  builds.forEach((one, i) => {
    const x = left + i * step, fill = one.ending === "done" ? "ran" : one.ending === "failed" ? "failed" : "interrupted";
    chart.append(titled(draw("rect", { class: `f-${fill}${one.number === data.head.number ? " hot" : ""}`, x: x + 3, y: y(one.wall_s), width: step - 8, height: Math.max(base - y(one.wall_s), 1) }),
      `build ${one.number}, ${clock(one.started)}: ${one.ending}, ${seconds(one.wall_s)}; ran ${one.ran}, restored ${one.restored}`));
    if (one.forecast_s) chart.append(draw("path", { class: "band", d: `M${x + 1} ${y(one.forecast_s.p50)}H${x + step - 3}M${x + step / 2 - 1} ${y(one.forecast_s.p50)}V${y(one.forecast_s.p90)}` }));
    if (builds.length < 15 || one.number % 5 === 0) chart.append(draw("text", { class: "soft", x: x + step / 2 - 1, y: h - 4, "text-anchor": "middle" }, String(one.number)));
  });
  byId("past-box").append(chart);
  const heads = ["build", "when", "ended", "took", "forecast", "ran", "restored", "unchanged", "failed"];
  byId("past").append(make("thead", {}, make("tr", {}, ...heads.map((head, i) => make("th", { scope: "col", class: i > 2 ? "n" : "" }, head)))),
    make("tbody", {}, ...[...data.builds].reverse().map((one) => make("tr", {},
      ...[one.number, clock(one.started), one.ending, seconds(one.wall_s), interval(one.forecast_s), one.ran, one.restored, one.fresh, one.failed]
        .map((value, i) => make("td", { class: i > 2 ? "n" : "" }, String(value)))))));
}
