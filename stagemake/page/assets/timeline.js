let timeScale = 1;
const LANE = 22;

// Spans to draw: what happened, or for a plan the critical path as foreseen, one after the other.
function spans() {
  if (!isPlan) {
    return stages.map((stage, i) => ({ i, from: stage.at_s, took: stage.wall_s, lane: stage.lane }))
      .filter((span) => span.from !== null && span.took !== null);
  }
  let now = 0;
  return data.head.critical.map((i) => {
    const took = stages[i].expected_s ? stages[i].expected_s.p50 : 0, span = { i, from: now, took, lane: 1 };
    now += took;
    return span;
  });
}
function ticks(total, width) {
  const wanted = total / Math.max(width / 110, 1), base = 10 ** Math.floor(Math.log10(wanted || 1));
  const step = [1, 2, 5, 10].map((one) => one * base).find((one) => one >= wanted) || base * 10;
  const found = [];
  for (let at = 0; at <= total * 1.0001 && found.length < 500; at += step) found.push(at);
  return found;
}
function tick(s) { return s === 0 ? "0" : s < 1 ? `${Math.round(s * 1000)} ms` : s < 60 ? `${Number(s.toFixed(1))} s` : seconds(s); }

function drawTimeline() {
  const all = spans();
  if (!all.length) return;
  const box = byId("time-box");
  const total = Math.max(...all.map((span) => span.from + span.took), data.head.wall_s || 0) || 0.001;
  const left = 56, lanes = Math.max(...all.map((span) => span.lane));
  const inner = Math.max(box.clientWidth - left - 12, 240) * timeScale, wide = inner + left + 12, high = lanes * LANE + 26;
  const chart = draw("svg", { class: "chart", width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "group", "aria-label": "what ran when" });
  const x = (s) => left + (s / total) * inner;
  for (const at of ticks(total, inner)) {
    chart.append(draw("line", { class: "grid", x1: x(at), x2: x(at), y1: 0, y2: high - 20 }),
      draw("text", { class: "soft", x: x(at), y: high - 6, "text-anchor": at ? "middle" : "start" }, tick(at)));
  }
  for (let lane = 1; lane <= lanes; lane += 1) {
    if (!isPlan) chart.append(draw("text", { class: "soft", x: 0, y: lane * LANE - 7 }, `lane ${lane}`));
  }
  const bars = all.sort((a, b) => a.lane - b.lane || a.from - b.from).map((span) => {
    const stage = stages[span.i], width = Math.max((span.took / total) * inner, 1.5);
    const bar = draw("rect", { class: `pick f-${stage.outcome}`, x: x(span.from), y: (span.lane - 1) * LANE + 2,
      width, height: LANE - 6, tabindex: "-1", role: "button",
      "aria-label": `${stage.name}: ${wordOf(stage.outcome)}, ${seconds(span.took)}${critical.has(span.i) ? ", on the critical path" : ""}` });
    titled(bar, `${stage.name}\n${wordOf(stage.outcome)}, ${seconds(span.took)}${stage.expected_s && !isPlan ? `, expected ${interval(stage.expected_s)}` : ""}`);
    bar.dataset.i = span.i;
    chart.append(bar);
    if (critical.has(span.i)) chart.append(draw("rect", { class: "under", x: x(span.from), y: span.lane * LANE - 4, width, height: 3 }));
    if (width > 46) chart.append(draw("text", { class: "bar-in", x: x(span.from) + 5, y: span.lane * LANE - 8, "pointer-events": "none" }, cut(stage.name, Math.floor((width - 8) / 7.2))));
    return bar;
  });
  bars[0].setAttribute("tabindex", "0");
  const pick = (bar) => select(Number(bar.dataset.i), { from: "timeline" });
  chart.addEventListener("click", (event) => { const bar = event.target.closest(".pick"); if (bar) pick(bar); });
  chart.addEventListener("keydown", (event) => {
    const now = bars.indexOf(document.activeElement);
    if (now < 0) return;
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: bars.length - 1 }[event.key];
    if (to !== undefined && bars[to]) {
      bars[now].setAttribute("tabindex", "-1");
      bars[to].setAttribute("tabindex", "0");
      bars[to].focus();
    } else if (event.key === "Enter" || event.key === " ") pick(bars[now]);
    else return;
    event.preventDefault();
  });
  box.replaceChildren(chart);
  markTimeline();
}
function markTimeline() {
  for (const bar of byId("time-box").querySelectorAll(".sel")) bar.classList.remove("sel");
  if (selected >= 0) byId("time-box").querySelector(`[data-i="${selected}"]`)?.classList.add("sel");
}
function startTimeline() {
  const all = spans(), head = data.head;
  if (isPlan) byId("time-head").textContent = "Critical path, as foreseen";
  const path = head.critical.map((i) => stages[i].name);
  const shown = path.length > 6 ? [...path.slice(0, 3), "…", ...path.slice(-2)] : path;
  const chain = path.length ? `Critical path: ${plural(path.length, "stage")}, ${seconds(head.critical_s)} of work: ${shown.join(" → ")}. ` : "";
  byId("time-text").textContent = all.length
    ? `${chain}${isPlan ? "" : "A lane is the lowest place that was free when a stage began. What the end waited for is underlined."}`
    : "Nothing ran, or it was not noted when.";
  for (const [id, factor] of [["time-in", 1.6], ["time-out", 1 / 1.6], ["time-fit", 0]]) {
    byId(id).addEventListener("click", () => { timeScale = factor ? Math.min(Math.max(timeScale * factor, 1), 60) : 1; drawTimeline(); });
    byId(id).hidden = !all.length;
  }
  drawTimeline();
  listeners.push(markTimeline);
  let before = window.innerWidth;
  window.addEventListener("resize", () => { if (window.innerWidth !== before) { before = window.innerWidth; drawTimeline(); } });
}
