const svg = byId("graph");
const world = draw("g", {});
const view = { x: 0, y: 0, k: 1 };
let scene = null, sceneAt = -1, nodes = [], at = -1, showsCritical = false, isDrawn = false;
const marks = draw("g", {}), boxes = draw("g", {});
svg.append(world);

const sceneOfStage = (stage) => {
  let best = -1;
  data.scenes.forEach((one, i) => {
    if (one.nodes.some((node) => node[0] === 0 && node[1] === stage)) best = best < 0 || i === sceneAt ? i : best;
  });
  return best;
};
function tally(members) {
  const found = {};
  for (const i of members) found[stages[i].outcome] = (found[stages[i].outcome] || 0) + 1;
  return found;
}
// How large the graph is on paper is not known before it is there: the whole is scaled by the browser.
let isPrinting = false;
function printWhole(on) {
  if (on) {
    isPrinting = true;
    svg.setAttribute("viewBox", `-12 -12 ${scene.width + 24} ${scene.height + 24}`);
    world.removeAttribute("transform");
    boxes.classList.remove("far");
    if (scene.nodes.length < 400) nodeNames(() => true);
  } else {
    isPrinting = false;
    svg.removeAttribute("viewBox");
    place();
  }
}
function place() {
  if (isPrinting) return;
  world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`);
  const isFar = view.k < 0.4;
  boxes.classList.toggle("far", isFar);
  if (!isFar) nameVisible();
}
// Thousands of texts that nobody can read would take most of the time to be ready.
function nameVisible() {
  const { w, h } = size(), left = -view.x / view.k - 400, right = (w - view.x) / view.k + 400, up = -view.y / view.k - 100, down = (h - view.y) / view.k + 100;
  nodeNames((x, y) => x >= left && x <= right && y >= up && y <= down);
}
function nodeNames(isWanted) {
  scene.nodes.forEach(([kind, ref, x, y, , high], i) => {
    if ((kind !== 0 && kind !== 2) || nodes[i].dataset.named || !isWanted(x, y)) return;
    const stage = stages[ref];
    nodes[i].dataset.named = "yes";
    nodes[i].append(draw("text", { x: 10, y: high / 2 + 4, class: `f-${stage.outcome}` }, glyphOf(stage.outcome)),
      draw("text", { x: 24, y: high / 2 + 4 }, cut(stage.name, 34)));
  });
}
let known = null;
function size() {
  known = known || { w: svg.clientWidth || 800, h: svg.clientHeight || 500 };
  return known;
}
function fit() {
  const { w, h } = size();
  view.k = Math.min((w - 24) / scene.width, (h - 24) / scene.height, 1.2);
  view.x = (w - scene.width * view.k) / 2;
  view.y = (h - scene.height * view.k) / 2;
  place();
}
function zoom(factor, x, y) {
  const { w, h } = size();
  const cx = x === undefined ? w / 2 : x, cy = y === undefined ? h / 2 : y;
  const k = Math.min(Math.max(view.k * factor, 0.02), 6);
  view.x = cx - ((cx - view.x) * k) / view.k;
  view.y = cy - ((cy - view.y) * k) / view.k;
  view.k = k;
  place();
}
function center(i, scale) {
  const { w, h } = size(), [, , x, y] = scene.nodes[i];
  if (scale) view.k = Math.max(view.k, scale);
  view.x = w / 2 - x * view.k;
  view.y = h / 2 - y * view.k;
  place();
}
function reveal(i) {
  const { w, h } = size(), [, , x, y, width] = scene.nodes[i];
  const left = (x - width / 2) * view.k + view.x, right = (x + width / 2) * view.k + view.x, down = y * view.k + view.y;
  if (left < 10 || right > w - 10 || down < 20 || down > h - 20 || view.k < 0.4) center(i, 0.7);
}

function describe(node) {
  const [kind, ref] = node;
  if (kind === 0 || kind === 2) {
    const stage = stages[ref];
    return `${stage.name}: ${wordOf(stage.outcome)}${stage.wall_s === null ? "" : ", " + seconds(stage.wall_s)}`;
  }
  if (kind === 4) return `${plural(ref, "stage")} outside of this family`;
  const inner = data.scenes[ref];
  const parts = Object.entries(tally(inner.members)).map(([outcome, count]) => `${count} ${wordOf(outcome)}`);
  return `family ${inner.title}: ${plural(inner.size, "stage")}; ${parts.join(", ")}`;
}
function drawNode(node, i) {
  const [kind, ref, x, y, w, h] = node;
  const g = draw("g", { class: "node", id: `n${i}`, transform: `translate(${x - w / 2} ${y - h / 2})`, role: "img", "aria-label": describe(node) });
  g.dataset.i = i;
  if (kind === 2 || kind === 3 || kind === 4) g.classList.add("outside");
  if (kind === 0 || kind === 2) {
    const stage = stages[ref];
    g.classList.add("plain", `c-${stage.outcome}`);
    g.append(draw("rect", { class: "box", width: w, height: h, rx: stage.kind === "function" ? 8 : 3 }));
    g.append(draw("rect", { class: `stripe f-${stage.outcome}`, width: 5, height: h, rx: 2 }));
    if (critical.has(ref) && showsCritical) g.classList.add("hot");
    return g;
  }
  g.append(draw("rect", { class: "box", width: w, height: h, rx: 10 }));
  if (kind === 4) {
    g.append(draw("text", { x: 10, y: 17 }, "more"), draw("text", { x: 10, y: 33, class: "count" }, plural(ref, "stage")));
    return g;
  }
  const inner = data.scenes[ref], counts = tally(inner.members);
  g.append(draw("text", { x: 10, y: 17 }, cut(inner.title, 34)), draw("text", { x: 10, y: 32, class: "count" }, plural(inner.size, "stage")));
  let from = 6;
  for (const outcome in counts) {
    const part = ((w - 12) * counts[outcome]) / inner.size;
    g.append(draw("rect", { class: `f-${outcome}`, x: from, y: h - 6, width: part, height: 4 }));
    from += part;
  }
  if (showsCritical && inner.members.some((one) => critical.has(one))) g.classList.add("hot");
  return g;
}
function show(index) {
  scene = data.scenes[index];
  sceneAt = index;
  at = -1;
  marks.replaceChildren();
  const dense = scene.edges.length > 1500 ? " dense" : "";
  const firm = [], loose = [];
  for (const edge of scene.edges) (edge[3] ? firm : loose).push(edge[4]);
  boxes.replaceChildren();
  nodes = scene.nodes.map(drawNode);
  boxes.append(...nodes);
  world.replaceChildren(
    draw("path", { class: "edges" + dense, d: firm.join("") }),
    draw("path", { class: "edges loose" + dense, d: loose.join("") }), marks, boxes);
  showCrumbs();
  mark();
  fit();
}
function showCrumbs() {
  const bar = byId("crumbs"), chain = [];
  for (let i = sceneAt; i >= 0; i = data.scenes[i].parent) chain.unshift(i);
  bar.replaceChildren();
  bar.hidden = chain.length < 2;
  chain.forEach((i, depth) => {
    if (depth) bar.append("›");
    if (i === sceneAt) bar.append(make("span", { "aria-current": "page" }, data.scenes[i].title));
    else bar.append(make("button", { type: "button", class: "link", click: () => show(i) }, data.scenes[i].title));
  });
  for (const button of byId("scene-tools").children) button.setAttribute("aria-pressed", Number(button.dataset.scene) === chain[0]);
}
const nodeOfStage = (stage) => {
  const own = scene.nodes.findIndex((node) => (node[0] === 0 || node[0] === 2) && node[1] === stage);
  if (own >= 0) return own;
  return scene.nodes.findIndex((node) => (node[0] === 1 || node[0] === 3) && data.scenes[node[1]].members.includes(stage));
};
function mark() {
  marks.replaceChildren();
  const own = selected < 0 ? -1 : nodeOfStage(selected);
  nodes.forEach((node) => node.classList.remove("on", "near"));
  svg.classList.toggle("picked", own >= 0);
  for (const [from, to, , , path] of scene.edges) {
    const isLit = own >= 0 && (from === own || to === own);
    if (isLit) {
      marks.append(draw("path", { class: "lit", d: path }));
      nodes[from === own ? to : from].classList.add("near");
    } else if (showsCritical && isCritical(from, to)) marks.append(draw("path", { class: "crit", d: path }));
  }
  if (own >= 0) nodes[own].classList.add("on");
}
function isCritical(from, to) {
  const ends = [scene.nodes[from], scene.nodes[to]];
  if (!ends.every((node) => node[0] === 0)) return false;
  const i = data.head.critical.indexOf(ends[0][1]);
  return i >= 0 && data.head.critical[i + 1] === ends[1][1];
}
function pointAt(i, follow) {
  if (at >= 0) nodes[at].classList.remove("at");
  at = i;
  if (i < 0) { svg.removeAttribute("aria-activedescendant"); return; }
  nodes[i].classList.add("at");
  svg.setAttribute("aria-activedescendant", `n${i}`);
  if (follow) { reveal(i); say(describe(scene.nodes[i])); }
}
function open(i) {
  const [kind, ref] = scene.nodes[i];
  pointAt(i, false);
  if (kind === 1 || kind === 3) { show(ref); say(`family ${data.scenes[ref].title}`); }
  else if (kind === 2 || kind === 0) select(ref, { from: "graph" });
}
function step(key) {
  if (at < 0) { pointAt(Math.max(selected < 0 ? 0 : nodeOfStage(selected), 0), true); return; }
  const [, , x, y] = scene.nodes[at];
  if (key === "ArrowRight" || key === "ArrowLeft") {
    const side = key === "ArrowRight" ? 0 : 1;
    const near = scene.edges.filter((edge) => edge[side] === at).map((edge) => edge[1 - side]);
    near.sort((a, b) => Math.abs(scene.nodes[a][3] - y) - Math.abs(scene.nodes[b][3] - y));
    if (near.length) pointAt(near[0], true);
    return;
  }
  const down = key === "ArrowDown" ? 1 : -1;
  let best = -1;
  scene.nodes.forEach((node, i) => {
    const far = (node[3] - y) * down;
    if (Math.abs(node[2] - x) < 1 && far > 0 && (best < 0 || far < (scene.nodes[best][3] - y) * down)) best = i;
  });
  if (best >= 0) pointAt(best, true);
}

function startGraph() {
  if (!data.scenes.length) {
    byId("graph-part").querySelector(".stage-box").replaceChildren(make("p", { class: "keys" }, "There is no graph to show."));
    byId("graph-part").querySelector(".tools").hidden = true;
    return;
  }
  const tops = data.scenes.map((one, i) => [one, i]).filter(([one]) => one.parent < 0);
  if (tops.length > 1) {
    byId("scene-tools").append(...tops.map(([one, i]) =>
      make("button", { type: "button", "data-scene": i, click: () => show(i) }, one.title)));
  }
  const button = byId("show-critical");
  button.hidden = !critical.size;
  button.addEventListener("click", () => {
    showsCritical = !showsCritical;
    button.setAttribute("aria-pressed", showsCritical);
    const before = { ...view };
    show(sceneAt);
    Object.assign(view, before);
    place();
  });
  byId("zoom-in").addEventListener("click", () => zoom(1.4));
  byId("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
  byId("zoom-fit").addEventListener("click", fit);
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== svg) return;
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  let drag = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    drag = { x: event.clientX, y: event.clientY, moved: false, target: event.target.closest(".node") };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    if (!drag.moved) { drag.moved = true; svg.setPointerCapture(event.pointerId); svg.classList.add("drag"); }
    view.x += dx; view.y += dy;
    drag.x = event.clientX; drag.y = event.clientY;
    place();
  });
  const end = (event) => {
    if (drag && !drag.moved && event.type === "pointerup") {
      if (drag.target) open(Number(drag.target.dataset.i));
      else select(-1, { from: "graph" });
    }
    drag = null;
    svg.classList.remove("drag");
  };
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", end);
  svg.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key.startsWith("Arrow")) step(event.key);
    else if (event.key === "Enter" || event.key === " ") { if (at >= 0) open(at); }
    else if (event.key === "+" || event.key === "=") zoom(1.4);
    else if (event.key === "-") zoom(1 / 1.4);
    else if (event.key === "0") fit();
    else if (event.key === "Escape" || event.key === "Backspace") {
      if (event.key === "Escape" && selected >= 0) select(-1, { from: "graph" });
      else if (scene.parent >= 0) show(scene.parent);
    } else return;
    event.preventDefault();
  });
  svg.addEventListener("blur", () => pointAt(-1, false));
  listeners.push((stage, { from }) => {
    if (stage >= 0 && from !== "graph") {
      if (!scene.nodes.some((node) => node[0] === 0 && node[1] === stage)) {
        const home = sceneOfStage(stage);
        if (home >= 0) show(home);
      }
      const i = nodeOfStage(stage);
      if (i >= 0) reveal(i);
    }
    mark();
  });
  size();
  show(0);
  const counts = tally(stages.map((_, i) => i));
  byId("legend").append(...Object.keys(OUTCOMES).filter((one) => counts[one]).map((one) =>
    make("li", {}, make("span", { class: `c-${one}`, "aria-hidden": "true" }, `■ ${glyphOf(one)} `), `${wordOf(one)} (${counts[one]})`)));
  new ResizeObserver(() => { known = null; if (isDrawn) place(); isDrawn = true; }).observe(svg);
  window.addEventListener("beforeprint", () => printWhole(true));
  window.addEventListener("afterprint", () => printWhole(false));
}
