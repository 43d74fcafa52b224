// The spectrum's figure on the review page: fetched as JSON, drawn by BokehJS, changed in place by the controls. The
// next page's figure is drawn ahead, out of sight, and only put in its place when its turn comes.
import { embed, forget, picture, setLines, setRedshift, setSamples, setZoom, show, stack, zoom } from "./figure.js";
import { onKey } from "./keys.js";
import { forgetPhotometry } from "./photometry.js";

// Places of the smoothing slider that the key goes through.
const SMOOTH = { 0: "none", 2: "light", 4: "strong" };
const BINS = [1, 2, 3, 5, 8, 12, 20, 40];
const SIGMAS = [0, 0.8, 1.5, 2.5, 4, 6, 10, 16];
const WAIT_MS = 120;
// What was chosen stays from one transient to the next; a redshift typed for one does not. elements: null for those of
// each one's class.
const state = {
  smooth: 0, bin: 0, lines: true, template: 0, strip: true, stacked: false, velocity: 0, elements: null, own: [],
};
let place = null;
let tools = null;
let z = null;
let ahead = null;
let sequence = 0;
let samplesAsked = 0;

const theme = () => document.documentElement.dataset.theme;

function query(of, more = {}) {
  return new URLSearchParams({ spectrum: of.dataset.spectrum, smooth: state.smooth, bin: state.bin, ...more });
}
const address = (of) => `${of.dataset.url}?${query(of, { template: state.template, theme: theme(), seen: of.dataset.seen })}`;
const load = (url) => fetch(url).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);

// Makes a drawn figure show what the controls say.
function dress(drawn, redshift) {
  setRedshift(drawn, redshift);
  setLines(drawn, { ...state, on: state.lines });
  if (state.stacked) stack(drawn, true);
  show(drawn, "strip", state.strip);
}

async function drawInto(holder, url, redshift) {
  const answer = await load(url);
  if (!answer) return null;
  const drawn = await embed(answer, holder);
  dress(drawn, redshift === undefined ? answer.about.redshift : redshift);
  return drawn;
}

// The figure of a page that was fetched ahead, drawn where nobody sees it, in the width it will have.
export function plotAhead(page) {
  const next = page.getElementById("plot");
  if (!next || !window.Bokeh) return null;
  const url = address(next);
  if (ahead?.url === url) return ahead.drawn;
  dropAhead();
  const holder = document.createElement("div");
  holder.className = "figure stage";
  holder.inert = true;
  const room = place ?? document.getElementById("main");
  holder.style.width = `${room.clientWidth}px`;
  document.body.append(holder);
  const mine = { url, holder, dressed: JSON.stringify(state), drawn: drawInto(holder, url) };
  ahead = mine;
  mine.drawn.then(() => { holder.dataset.drawn = "1"; });
  return mine.drawn;
}

function dropAhead() {
  const old = ahead;
  ahead = null;
  old?.drawn.then((drawn) => { if (drawn) forget(drawn); old.holder.remove(); });
}

// What is drawn ahead for this address, once it is drawn; null where nothing is.
async function takeAhead(url) {
  if (ahead?.url !== url) return null;
  const { holder, dressed, drawn: coming } = ahead;
  ahead = null;
  const drawn = await coming;
  if (!drawn) { holder.remove(); return null; }
  if (dressed !== JSON.stringify(state)) dress(drawn, drawn.about.redshift);
  return { holder, drawn };
}

async function drawNew(here, url) {
  const holder = document.createElement("div");
  here.append(holder);
  return { holder, drawn: await drawInto(holder, url, here.figure ? z : undefined) };
}

function put(here, holder, drawn) {
  const old = here.figure;
  here.figure = drawn;
  for (const child of [...here.children]) if (child !== holder) child.remove();
  if (old) forget(old);
  watchZoom(here, drawn);
  spoke(drawn.about.spoke);
  tools.querySelector('[data-plot="stacked"]').hidden = !drawn.others.length;
  changed(here);
  document.dispatchEvent(new Event("plotdrawn"));
}

function changed(here) {
  sequence += 1;
  here.dataset.drawn = sequence;
}

async function draw() {
  const here = place;
  const mine = Symbol("draw");
  here.drawing = mine;
  const url = address(here);
  const before = here.figure && zoom(here.figure);
  const { holder, drawn } = (!before && await takeAhead(url)) || await drawNew(here, url);
  if (!drawn || here.drawing !== mine || here !== place) {
    if (drawn) forget(drawn);
    holder.remove();
    return;
  }
  if (holder.parentNode !== here) here.append(holder);
  holder.className = "figure";
  holder.inert = false;
  holder.style.width = "";
  if (!before) z = drawn.about.redshift;
  put(here, holder, drawn);
  showRedshift();
  if (before && !before.whole) setZoom(drawn, before);
}

// Where the samples were decimated for the screen, those of the stretch zoomed into are fetched; the sliders fetch
// them smoothed. The zoom stays as it is.
async function fetchSamples() {
  const here = place;
  const drawn = here.figure;
  const mine = ++samplesAsked;
  const more = {};
  const { start, end } = drawn.range;
  if (drawn.about.decimated && (start > drawn.whole[0] || end < drawn.whole[1])) {
    const margin = 0.25 * (end - start);
    more.from = start - margin;
    more.to = end + margin;
  }
  const answer = await load(`${here.dataset.url}samples/?${query(here, more)}`);
  if (!answer || mine !== samplesAsked || here.figure !== drawn) return;
  setSamples(drawn, answer, !state.smooth && !state.bin);
  changed(here);
}

function watchZoom(here, drawn) {
  let timer = 0;
  drawn.range.change.connect(() => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (here.figure !== drawn) return;
      setLines(drawn, { ...state, on: state.lines });
      if (drawn.about.decimated) fetchSamples();
    }, WAIT_MS);
  });
}

function spoke(words) {
  const line = document.getElementById("spoke");
  if (!line) return;
  line.hidden = !words || !state.strip;
  line.querySelector("span").textContent = words ?? "";
  tools.querySelector('[data-plot="strip"]').hidden = !words;
}

function showState() {
  const words = (place, names, unit) => names[place] ?? `${unit} ${SIGMAS[place]}`;
  tools.querySelector('[data-plot="smooth"] b').textContent = words(state.smooth, SMOOTH, "σ");
  tools.querySelector("#plot-smooth").value = state.smooth;
  tools.querySelector("#plot-smooth").setAttribute("aria-valuetext", words(state.smooth, SMOOTH, "σ"));
  tools.querySelector("#plot-bin").value = state.bin;
  tools.querySelector("#plot-bin").setAttribute("aria-valuetext", `${BINS[state.bin]} samples in one`);
  for (const name of ["lines", "strip", "stacked", "template"]) {
    tools.querySelector(`[data-plot="${name}"]`)?.setAttribute("aria-pressed", state[name] ? "true" : "false");
  }
}

function change(what) {
  const drawn = place.figure;
  if (what === "png" || what === "svg") { if (drawn) save(drawn, what); return; }
  if (what === "smooth") state.smooth = state.smooth < 2 ? 2 : state.smooth < 4 ? 4 : 0;
  else if (what === "template") state.template = 1 - state.template;
  else state[what] = !state[what];
  showState();
  if (what === "template") { draw(); return; }
  if (!drawn) return;
  if (what === "smooth") fetchSamples();
  if (what === "lines") setLines(drawn, { ...state, on: state.lines });
  if (what === "stacked") stack(drawn, state.stacked);
  if (what === "strip") { show(drawn, "strip", state.strip); spoke(drawn.about.spoke); }
}

async function save(drawn, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await picture(drawn, kind));
  link.download = `${place.dataset.name}.${kind}`.replace(/\s+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// The field says the redshift to the last digit, the slider moves it about where it is.
function showRedshift({ typed = false } = {}) {
  const field = document.getElementById("plot-z");
  const slider = document.getElementById("plot-z-slider");
  if (!typed) field.value = z === null ? "" : z.toFixed(5);
  const middle = z ?? 0;
  slider.min = Math.max(middle - 0.05, -0.09).toFixed(5);
  slider.max = (middle + 0.05).toFixed(5);
  slider.value = middle;
  slider.disabled = place.figure?.about.at_rest ?? false;
  field.disabled = slider.disabled;
  showNeeds();
}

// Without a redshift nobody knows where the lines are.
function showNeeds() {
  const button = tools.querySelector('[data-plot="lines"]');
  button.disabled = !place.figure?.about.at_rest && z === null;
  button.querySelector(".needs").hidden = !button.disabled;
}

function redshiftTo(text, from) {
  const value = text.trim() === "" ? place.figure?.about.redshift ?? null : Number(text);
  if (value !== null && !(value > -0.1 && value < 10)) return;
  z = value;
  if (from === "field") showRedshift({ typed: text.trim() !== "" });
  else document.getElementById("plot-z").value = z.toFixed(5);
  if (!place.figure) return;
  setRedshift(place.figure, z);
  setLines(place.figure, { ...state, on: state.lines });
  showNeeds();
}

// "6355 Si II, 5890": rest wavelengths in Å, each with a name or without.
export const ownLines = (text) => text.split(/[,;\n]/).map((part) => /^\s*(\d+(?:\.\d+)?)\s*(?:Å|A\b)?\s*(.*?)\s*$/.exec(part))
  .filter(Boolean).map(([, at, name]) => [Number(at), name || at]);

// Which elements' lines are marked, at what velocity, and the reviewer's own; all stay from one transient to the next.
function startLineSets() {
  const boxes = [...tools.querySelectorAll("[name=element]")];
  const velocity = document.getElementById("plot-velocity");
  const own = document.getElementById("plot-own");
  velocity.value = state.velocity || "";
  own.value = state.own.map(([at, name]) => (name === String(at) ? name : `${at} ${name}`)).join(", ");
  const check = () => { for (const box of boxes) box.checked = state.elements?.includes(box.value) ?? box.defaultChecked; };
  check();
  const taken = () => {
    state.velocity = Number(velocity.value) || 0;
    state.own = ownLines(own.value);
    if (place.figure) setLines(place.figure, { ...state, on: state.lines });
  };
  tools.querySelector(".line-sets").addEventListener("input", ({ target }) => {
    if (target.name === "element") state.elements = boxes.filter((box) => box.checked).map((box) => box.value);
    taken();
  });
  tools.querySelectorAll("[data-elements]").forEach((button) => button.addEventListener("click", () => {
    state.elements = { all: boxes.map((box) => box.value), none: [] }[button.dataset.elements] ?? null;
    check();
    taken();
  }));
}

function startSliders() {
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(() => { if (place.figure) fetchSamples(); }, WAIT_MS); };
  for (const name of ["smooth", "bin"]) {
    tools.querySelector(`#plot-${name}`).addEventListener("input", (event) => {
      state[name] = Number(event.target.value);
      showState();
      later();
    });
  }
  document.getElementById("plot-z").addEventListener("input", (event) => redshiftTo(event.target.value, "field"));
  const slider = document.getElementById("plot-z-slider");
  slider.addEventListener("input", () => redshiftTo(slider.value, "slider"));
  // Let go of, it is in the middle of its way again.
  slider.addEventListener("change", () => showRedshift());
}

// For each page that is shown; one that is shown again has all it needs.
export function startPlot() {
  place = document.getElementById("plot");
  tools = document.querySelector(".plot-tools");
  if (!place) return;
  z = place.figure?.z ?? null;
  if (place.started) {
    if (!place.figure) draw();
    return;
  }
  place.started = true;
  tools.hidden = false;
  showState();
  startLineSets();
  startSliders();
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("[data-plot]");
    if (button) change(button.dataset.plot);
  });
  if (window.Bokeh) draw(); else window.addEventListener("load", draw, { once: true });
}

// The figure of a page that will not come back.
export function forgetPlot(main) {
  const gone = main.querySelector("#plot");
  if (gone?.figure) forget(gone.figure);
  forgetPhotometry(main.querySelector("#photometry"));
}

const KEYS = { s: "smooth", l: "lines", t: "template", a: "strip", e: "stacked" };
onKey((key) => {
  if (!place || !KEYS[key] || !tools.querySelector(`[data-plot="${KEYS[key]}"]:not([hidden], :disabled)`)) return false;
  change(KEYS[key]);
  return true;
});
document.addEventListener("themechange", () => { dropAhead(); if (place) draw(); });
