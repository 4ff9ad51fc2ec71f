"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const stages = data.stages;
const isPlan = data.kind === "plan";
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

// Everything of the data becomes text nodes and attributes by these two: never markup.
function make(tag, attributes, ...inside) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "click") node.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...inside.filter((one) => one !== null && one !== undefined && one !== ""));
  return node;
}
function draw(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  if (text !== undefined) node.textContent = text;
  return node;
}
function titled(node, text) {
  node.append(draw("title", {}, text));
  return node;
}

const OUTCOMES = {
  ran: ["▶", "ran"], failed: ["✕", "failed"], restored: ["↺", "restored from the cache"],
  cut_off: ["✓", "upstream made the same again"], fresh: ["·", "unchanged"], blocked: ["⊘", "blocked by a failure"],
  interrupted: ["■", "interrupted"], cancelled: ["–", "not run"], unknown: ["?", "not noted"],
  miss: ["▶", "miss: would run"], hit: ["↺", "hit: would be restored"], maybe: ["?", "maybe: known once others have run"],
};
const wordOf = (outcome) => (OUTCOMES[outcome] || ["?", outcome])[1];
const shortOf = (outcome) => outcome === "cancelled" ? wordOf(outcome) : outcome.replace("_", " ");
const glyphOf = (outcome) => (OUTCOMES[outcome] || ["?"])[0];

function seconds(s) {
  if (s === null || s === undefined) return "–";
  if (s < 0.0995) return `${Math.round(s * 1000)} ms`;
  if (s < 59.95) return `${s.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(s) / 60), rest = Math.round(s) % 60;
  if (minutes < 60) return `${minutes} m ${String(rest).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
}
function bytes(count) {
  if (count === null || count === undefined) return "–";
  let value = count, unit = 0;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  while (value >= 1024 && unit < 4) { value /= 1024; unit += 1; }
  return unit ? `${value.toFixed(1)} ${units[unit]}` : `${value} B`;
}
function interval(expected) {
  if (!expected) return "–";
  const p50 = seconds(expected.p50), p90 = seconds(expected.p90);
  return p50 === p90 ? p50 : `${p50} (up to ${p90})`;
}
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const clock = (unix) => new Date(unix * 1000).toLocaleString();
function cut(text, columns) {
  const signs = Array.from(text);
  if (signs.length <= columns) return text;
  const head = Math.ceil((columns - 1) / 3);
  return signs.slice(0, head).join("") + "…" + signs.slice(signs.length - (columns - 1 - head)).join("");
}

const upstream = stages.map(() => []), downstream = stages.map(() => []);
for (const edge of data.edges) {
  upstream[edge[1]].push(edge);
  downstream[edge[0]].push(edge);
}
const critical = new Set(data.head.critical);

// Who is selected; parts of the page that show it are told.
let selected = -1;
const listeners = [];
function select(stage, options) {
  selected = stage;
  for (const listen of listeners) listen(stage, options || {});
}
function say(text) { byId("say").textContent = text; }
