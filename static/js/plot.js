// The spectrum's figure: fetched as JSON, drawn by BokehJS, drawn again when a control changes.
import { onKey } from "./keys.js";

const place = document.getElementById("plot");
const tools = document.querySelector(".plot-tools");
const state = { smooth: 0, lines: 1, z: "" };
const SMOOTH = ["none", "light", "strong"];
let sequence = 0;

async function draw() {
  const mine = ++sequence;
  const query = new URLSearchParams({
    spectrum: place.dataset.spectrum, smooth: state.smooth, lines: state.lines,
    theme: document.documentElement.dataset.theme,
  });
  if (state.z) query.set("z", state.z);
  const answer = await fetch(`${place.dataset.url}?${query}`);
  if (!answer.ok || mine !== sequence) return;
  const item = await answer.json();
  if (mine !== sequence) return;
  const target = document.createElement("div");
  target.id = `plot-${mine}`;
  place.append(target);
  const [view] = Object.values((await window.Bokeh.embed.embed_item(item, target.id)).roots ?? {});
  linkRestAxis(view?.model ?? window.Bokeh.documents.at(-1).roots()[0]);
  for (const old of [...place.children]) if (old !== target) old.remove();
  place.dataset.drawn = mine;
}

// The rest-frame axis has a range of its own, which follows the observed one.
function linkRestAxis(plot) {
  const rest = plot?.extra_x_ranges instanceof Map ? plot.extra_x_ranges.get("rest") : plot?.extra_x_ranges?.rest;
  const stretch = plot?.tags?.[0]?.stretch ?? plot?.tags?.[0]?.get?.("stretch");
  if (!rest || !stretch) return;
  const follow = () => rest.setv({ start: plot.x_range.start / stretch, end: plot.x_range.end / stretch });
  plot.x_range.change.connect(follow);
}

function change(what) {
  if (what === "smooth") state.smooth = (state.smooth + 1) % SMOOTH.length;
  if (what === "lines") state.lines = 1 - state.lines;
  tools.querySelector('[data-plot="smooth"] b').textContent = SMOOTH[state.smooth];
  tools.querySelector('[data-plot="lines"]').setAttribute("aria-pressed", state.lines ? "true" : "false");
  draw();
}

if (place) {
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("[data-plot]");
    if (button) change(button.dataset.plot);
  });
  let timer = 0;
  document.getElementById("plot-z").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => { state.z = event.target.value; draw(); }, 250);
  });
  onKey((key) => {
    if (key === "s") { change("smooth"); return true; }
    if (key === "l") { change("lines"); return true; }
    return false;
  });
  document.addEventListener("themechange", draw);
  if (window.Bokeh) draw(); else window.addEventListener("load", draw);
}
