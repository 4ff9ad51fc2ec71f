function startTheme() {
  const button = byId("theme"), root = document.documentElement;
  const words = { auto: "as the system has it", light: "light", dark: "dark" };
  const set = (theme) => {
    root.dataset.theme = theme;
    button.textContent = theme;
    button.setAttribute("aria-label", `colours: ${words[theme]}; change`);
  };
  let kept = "auto";
  try { kept = localStorage.getItem("stagemake-theme") || "auto"; } catch { /* not for files, in some browsers */ }
  set(words[kept] ? kept : "auto");
  button.addEventListener("click", () => {
    const next = { auto: "light", light: "dark", dark: "auto" }[root.dataset.theme];
    set(next);
    try { localStorage.setItem("stagemake-theme", next); } catch { /* as above */ }
  });
}
function tile(value, label) { return make("div", { class: "tile" }, make("b", {}, value), make("span", {}, label)); }
function startHead() {
  const head = data.head, counts = {};
  for (const stage of stages) counts[stage.outcome] = (counts[stage.outcome] || 0) + 1;
  byId("title").textContent = `${data.title}: ${isPlan ? "plan" : `build ${head.number}`}`;
  const chip = byId("chip");
  chip.textContent = head.ending;
  chip.classList.add(`c-${head.ending}`);
  const targets = head.targets.length > 8 ? `${head.targets.slice(0, 8).join(", ")} and ${head.targets.length - 8} more` : head.targets.join(", ");
  byId("what").textContent = `${isPlan ? `What building ${targets || "the default"} would do, with ${plural(head.jobs, "job")}` : `${targets || "The default targets"}, begun ${clock(head.started)}, ${plural(head.jobs, "job")}`}.`;
  if (data.notes.length) {
    byId("notes").hidden = false;
    byId("notes").append(...data.notes.map((note) => make("li", {}, note)));
  }
  const tiles = isPlan
    ? [tile(interval(head.forecast_s), "forecast"), tile(String(counts.miss || 0), "would run"), tile(String(counts.maybe || 0), "may run"),
      tile(String(counts.hit || 0), "would be restored"), tile(String(counts.fresh || 0), "unchanged"), tile(bytes(head.restore_bytes), "to restore"),
      tile(bytes(head.write_bytes), "to write"), tile(head.new_bytes === null ? "–" : bytes(head.new_bytes), "growth of the cache")]
    : [tile(seconds(head.wall_s), head.forecast_s ? `took; forecast ${interval(head.forecast_s)}` : "took; no forecast"), tile(String(counts.ran || 0), "ran"),
      tile(String(counts.restored || 0), "restored from the cache"), tile(String((counts.fresh || 0) + (counts.cut_off || 0)), "unchanged"),
      ...(counts.failed || counts.blocked ? [tile(String(counts.failed || 0), `failed, ${counts.blocked || 0} blocked`)] : []),
      ...(head.cache ? [tile(`${head.cache.hits} of ${head.cache.hits + head.cache.misses}`, "cache hits"), tile(bytes(head.cache.bytes_read), "read from the cache"), tile(bytes(head.cache.bytes_written), "written to the cache")] : [])];
  byId("tiles").append(...tiles);
  byId("foot").textContent = `Written ${clock(data.made)} by stagemake ${data.stagemake}.`;
}
startTheme();
startHead();
showDetails(-1);
listeners.push((stage) => showDetails(stage));
startGraph();
startSearch();
startTimeline();
startForecast();
startStages();
startPast();
const failed = stages.findIndex((stage) => stage.outcome === "failed");
if (failed >= 0) select(failed, { from: "start" });
document.documentElement.dataset.ready = String(Math.round(performance.now()));
