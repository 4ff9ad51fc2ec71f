const MOST_LISTED = 30;

function stageLink(i, note) {
  const stage = stages[i];
  return make("li", {},
    make("button", { type: "button", class: "link", click: () => select(i, { from: "details" }) }, stage.name),
    note ? make("small", {}, ` ${note}`) : "");
}
function listed(head, items) {
  if (!items.length) return [];
  const list = make("ul", {}, ...items.slice(0, MOST_LISTED));
  const rest = items.slice(MOST_LISTED);
  const parts = [make("h3", {}, `${head} (${items.length})`), list];
  if (rest.length) {
    const button = make("button", { type: "button", click: () => { list.append(...rest); button.remove(); } }, `${rest.length} more`);
    parts.push(button);
  }
  return parts;
}
function facts(stage) {
  const rows = [];
  const add = (name, value) => { if (value !== "–" && value !== null && value !== "") rows.push(make("dt", {}, name), make("dd", {}, value)); };
  add("why", stage.reason);
  add("problem", stage.problem);
  if (isPlan) {
    add("expected", interval(stage.expected_s) === "–" && stage.outcome === "miss" ? "not known: it never ran" : interval(stage.expected_s));
    if (stage.chance !== null && stage.chance !== undefined) add("chance to run", `${Math.round(stage.chance * 100)} %`);
    add("writes", bytes(stage.output_bytes));
  } else {
    add("took", seconds(stage.wall_s));
    add("expected", interval(stage.expected_s));
    if (stage.at_s !== null) add("began", `${seconds(stage.at_s)} after the build, in lane ${stage.lane}`);
    add("processor", seconds(stage.cpu_s));
    add("memory", bytes(stage.rss));
    add("exit status", stage.exit_code === null ? null : String(stage.exit_code));
    add("outputs", bytes(stage.output_bytes));
  }
  add("kind", stage.kind);
  add("pool", stage.pool);
  add("declared", stage.declared);
  add("key", stage.key);
  return make("dl", {}, ...rows);
}
function saysMore(stage) {
  const [first, ...rest] = stage.because;
  return first !== undefined && (rest.length > 0 || first[0] !== stage.reason || Boolean(first[1] || first[2]));
}
function changes(stage) {
  return stage.because.map(([what, old, now]) => {
    const item = make("li", {}, what);
    if (old || now) item.append(make("pre", {}, `was  ${old || "–"}\nnow  ${now || "–"}`));
    return item;
  });
}
function printed(stage) {
  if (stage.log) {
    return [make("h3", {}, `${isPlan ? "printed when it last ran" : "printed"}${stage.log.note ? ` (${stage.log.note})` : ""}`), make("pre", { tabindex: "0", "aria-label": "what it printed" }, stage.log.text)];
  }
  if (["blocked", "unknown"].includes(stage.outcome)) return [];
  return [make("h3", {}, "printed"), make("p", {}, stage.key || stage.outcome === "fresh" ? "nothing, or it is not kept any more" : "not kept")];
}
function sparkline(stage) {
  if (stage.runs.length < 2) return [];
  const w = 320, h = 44, top = Math.max(...stage.runs.map((run) => run[1])) || 1;
  const chart = draw("svg", { class: "chart", width: w, height: h, viewBox: `0 0 ${w} ${h}`, role: "img",
    "aria-label": `its last ${stage.runs.length} runs: ${stage.runs.map((run) => seconds(run[1])).join(", ")}` });
  const step = Math.min(w / stage.runs.length, 24);
  stage.runs.forEach(([number, took], i) => {
    const high = Math.max((took / top) * (h - 4), 1.5);
    chart.append(titled(draw("rect", { class: number === data.head.number ? "f-ran hot" : "f-fresh", x: i * step, y: h - high, width: step - 3, height: high }),
      `build ${number}: ${seconds(took)}`));
  });
  return [make("h3", {}, `last runs (up to ${seconds(top)})`), chart];
}
function showDetails(i) {
  const box = byId("details");
  box.classList.toggle("empty", i < 0);
  if (i < 0) {
    box.replaceChildren(make("h2", { id: "details-head" }, "No stage chosen"),
      make("p", {}, "Choose one in the graph, the timeline or the table, or search for it: its reason, paths, times and what it printed are shown here."));
    return;
  }
  const stage = stages[i];
  box.replaceChildren(...[
    make("h2", { id: "details-head" }, stage.name),
    make("p", { class: `c-${stage.outcome}` }, `${glyphOf(stage.outcome)} ${wordOf(stage.outcome)}`),
    stage.description ? make("p", {}, stage.description) : "",
    facts(stage),
    ...(saysMore(stage) ? listed("what changed", changes(stage)) : []),
    ...printed(stage),
    ...listed("inputs", stage.inputs.map((path) => make("li", {}, path))),
    ...listed("outputs", stage.outputs.map((path) => make("li", {}, path))),
    stage.more_paths ? make("p", {}, `and ${plural(stage.more_paths, "path")} more`) : "",
    ...listed("waits for", upstream[i].map((edge) => stageLink(edge[0], edge[2]))),
    ...listed("before", downstream[i].map((edge) => stageLink(edge[1], edge[2]))),
    ...sparkline(stage),
  ].filter((one) => one !== ""));
  box.scrollTop = 0;
}

// --- Search. ---------------------------------------------------------------------------------------

const MOST_FOUND = 30;
function startSearch() {
  const input = byId("search"), list = byId("found");
  let hits = [], chosen = -1;
  const texts = stages.map((stage) => [stage.name, stage.description, stage.reason, stage.problem, ...stage.inputs, ...stage.outputs].join("\n").toLowerCase());
  const names = stages.map((stage) => stage.name.toLowerCase());
  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const rank = (i, text) => (names[i] === text ? 0 : names[i].startsWith(text) ? 1 : names[i].includes(text) ? 2 : 3);
  const choose = (to) => {
    chosen = to;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === to)));
    if (to >= 0) { input.setAttribute("aria-activedescendant", `found-${to}`); list.children[to].scrollIntoView({ block: "nearest" }); }
  };
  const take = (i) => { close(); select(hits[i], { from: "search" }); say(`${stages[hits[i]].name} chosen`); };
  const look = () => {
    const text = input.value.trim().toLowerCase();
    if (!text) { close(); return; }
    const all = [];
    texts.forEach((one, i) => { if (one.includes(text)) all.push(i); });
    all.sort((a, b) => rank(a, text) - rank(b, text) || a - b);
    hits = all.slice(0, MOST_FOUND);
    list.replaceChildren(...hits.map((stage, i) => {
      const item = make("li", { role: "option", id: `found-${i}`, "aria-selected": "false" },
        make("span", { class: `c-${stages[stage].outcome}`, "aria-hidden": "true" }, `${glyphOf(stages[stage].outcome)} `), stages[stage].name,
        make("small", {}, ` ${stages[stage].reason}`));
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); take(i); });
      return item;
    }));
    if (!hits.length) list.append(make("li", { "aria-disabled": "true" }, "no stage has that in its name, paths or reason"));
    if (all.length > hits.length) list.append(make("li", { "aria-disabled": "true" }, make("small", {}, `${all.length - hits.length} more`)));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    chosen = -1;
    if (hits.length) choose(0);
    say(plural(all.length, "stage") + " found");
  };
  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && hits.length) choose((chosen + 1) % hits.length);
    else if (event.key === "ArrowUp" && hits.length) choose((chosen + hits.length - 1) % hits.length);
    else if (event.key === "Enter" && chosen >= 0 && !list.hidden) take(chosen);
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement.tagName);
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) { event.preventDefault(); input.focus(); input.select(); }
  });
}
