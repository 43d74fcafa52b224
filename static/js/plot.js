// The spectrum's figure: fetched as JSON, drawn by BokehJS, drawn again when a control changes.
import { onKey } from "./keys.js";

const SMOOTH = ["none", "light", "strong"];
const MOST_AHEAD = 6;
// What was chosen stays from one transient to the next; a redshift typed for one does not.
const state = { smooth: 0, lines: 1, template: 0, z: "", velocity: "", elements: null };
const ahead = new Map();
let place = null;
let tools = null;
let drawn = null;
let sequence = 0;

function address(of) {
  const query = new URLSearchParams({
    spectrum: of.dataset.spectrum, smooth: state.smooth, lines: state.lines, template: state.template,
    theme: document.documentElement.dataset.theme, seen: of.dataset.seen,
  });
  if (state.velocity) query.set("velocity", state.velocity);
  if (state.elements) query.set("elements", state.elements.join(","));
  if (state.z && of === place) query.set("z", state.z);
  return `${of.dataset.url}?${query}`;
}

const load = (url) => fetch(url).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);

// The figure of a page that was fetched ahead.
export function plotAhead(page) {
  const next = page.getElementById("plot");
  if (!next) return;
  const url = address(next);
  if (!ahead.has(url)) ahead.set(url, load(url));
  while (ahead.size > MOST_AHEAD) ahead.delete(ahead.keys().next().value);
}

export async function draw() {
  const mine = ++sequence;
  const here = place;
  const url = address(here);
  const item = (await ahead.get(url)) ?? (await load(url));
  ahead.delete(url);
  if (!item || mine !== sequence) return;
  const target = document.createElement("div");
  target.id = `plot-${mine}`;
  here.append(target);
  const views = await window.Bokeh.embed.embed_item(item, target.id);
  const root = window.Bokeh.documents.at(-1).roots()[0];
  linkRestAxis(root.children?.[0] ?? root);
  for (const old of [...here.children]) if (old !== target) old.remove();
  forget();
  drawn = { views, document: window.Bokeh.documents.at(-1) };
  here.dataset.drawn = mine;
  document.dispatchEvent(new Event("plotdrawn"));
}

// Bokeh keeps every figure it ever drew unless told otherwise.
function forget() {
  if (!drawn) return;
  drawn.views.clear?.();
  const at = window.Bokeh.documents.indexOf(drawn.document);
  if (at >= 0) window.Bokeh.documents.splice(at, 1);
}

// The rest-frame axis has a range of its own, which follows the observed one.
function linkRestAxis(plot) {
  const rest = plot?.extra_x_ranges instanceof Map ? plot.extra_x_ranges.get("rest") : plot?.extra_x_ranges?.rest;
  const stretch = plot?.tags?.[0]?.stretch ?? plot?.tags?.[0]?.get?.("stretch");
  if (!rest || !stretch) return;
  const follow = () => rest.setv({ start: plot.x_range.start / stretch, end: plot.x_range.end / stretch });
  plot.x_range.change.connect(follow);
}

function showState() {
  tools.querySelector('[data-plot="smooth"] b').textContent = SMOOTH[state.smooth];
  tools.querySelector('[data-plot="lines"]').setAttribute("aria-pressed", state.lines ? "true" : "false");
  tools.querySelector('[data-plot="template"]')?.setAttribute("aria-pressed", state.template ? "true" : "false");
}

function change(what) {
  if (what === "smooth") state.smooth = (state.smooth + 1) % SMOOTH.length;
  if (what === "lines") state.lines = 1 - state.lines;
  if (what === "template") state.template = 1 - state.template;
  showState();
  draw();
}

// Which elements' lines are marked, and at what velocity; both stay from one transient to the next.
function startLineSets() {
  const boxes = [...tools.querySelectorAll("[name=element]")];
  const velocity = document.getElementById("plot-velocity");
  velocity.value = state.velocity;
  for (const box of boxes) box.checked = !state.elements || state.elements.includes(box.value);
  const changed = () => {
    const on = boxes.filter((box) => box.checked).map((box) => box.value);
    state.elements = on.length === boxes.length ? null : on;
    state.velocity = velocity.value;
    draw();
  };
  tools.querySelector(".line-sets").addEventListener("change", changed);
  tools.querySelectorAll("[data-elements]").forEach((button) => button.addEventListener("click", () => {
    for (const box of boxes) box.checked = button.dataset.elements === "all";
    changed();
  }));
}

// For each page that is shown.
export function startPlot() {
  place = document.getElementById("plot");
  tools = document.querySelector(".plot-tools");
  state.z = "";
  if (!place) return;
  tools.hidden = false;
  showState();
  startLineSets();
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("[data-plot]");
    if (button) change(button.dataset.plot);
  });
  let timer = 0;
  document.getElementById("plot-z").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => { state.z = event.target.value; draw(); }, 250);
  });
  if (window.Bokeh) draw(); else window.addEventListener("load", draw, { once: true });
}

onKey((key) => {
  if (!place) return false;
  if (key === "s") { change("smooth"); return true; }
  if (key === "l") { change("lines"); return true; }
  if (key === "t") { change("template"); return true; }
  return false;
});
document.addEventListener("themechange", () => { if (place) draw(); });
