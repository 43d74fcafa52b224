// The spectrum's figure on the review page: drawn when the page is shown, then changed in place by the controls.
import { disposeFigure } from "./bokeh.js";
import { hasNoisyEnds, setRedshift, setSamples, setZoom, showEnds, showPanel, showsSomething, showTelluric, zoom } from "./figure.js";
import { hint } from "./hint.js";
import { nextHost, showHost } from "./host.js";
import { onKey } from "./keys.js";
import { nextOverlay, showOverlay } from "./overlay.js";
import { startLineSets } from "./line_sets.js";
import { forgetPhotometry } from "./photometry.js";
import { forgetMeasured, measureByDrag, startMeasuring } from "./measure.js";
import { dropAhead, takeAhead } from "./plot_ahead.js";
import { drawInto, figureAddress, loadSamples, look, markLines } from "./plot_look.js";
import { copyLink, save, showView, takeView } from "./view_link.js";

// The key goes through these places of the smoothing slider, and begins again after the last.
const SMOOTHING_BY_KEY = { 0: "none", 2: "light", 4: "strong" };
// Quantity on the flux axis.
const FLUX = { measured: "as measured", continuum: "over continuum", log: "logarithmic" };
const after = (list, item) => list[(list.indexOf(item) + 1) % list.length];
const WAIT_MS = 120;
// The page's #plot and its row of controls.
let place = null;
let tools = null;
// Redshift at which the spectrum is drawn, or null if none is known.
let z = null;
// Widths that belong to the places of the two sliders; each figure brings them from the server.
let smoothing = [];
let binning = [];
// The view that the page's address asks for, until it is shown.
let view = null;
let sequence = 0;
let samplesAsked = 0;

// The place of the smoothing slider: the chosen one, or that which the server chose for the noise.
const smoothPlace = () => look.smooth ?? place.figure?.about.smooth ?? 0;
const markLinesHere = () => {
  if (!place.figure) return;
  markLines(place.figure);
  showTelluric(place.figure, look.telluric);
};

async function drawNew(here, url) {
  const holder = document.createElement("div");
  here.append(holder);
  return { holder, drawn: await drawInto(holder, url, here.figure ? z : undefined) };
}

// Put a drawn figure in the place of what is there.
function put(here, holder, drawn) {
  const old = here.figure;
  here.figure = drawn;
  for (const child of [...here.children]) if (child !== holder) child.remove();
  if (old) disposeFigure(old);
  ({ smoothing, binning } = drawn.about);
  watchZoom(here, drawn);
  startMeasuring(here, drawn, () => z);
  measureByDrag(drawn, look.measure);
  showAttribution(drawn.about.spoke);
  tools.querySelector('[data-plot="stacked"]').hidden = !drawn.about.epochs;
  tools.querySelector('[data-plot="ends"]').hidden = !hasNoisyEnds(drawn);
  showChoices();
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
  const url = figureAddress(here);
  const before = here.figure && { ...zoom(here.figure), stacked: here.figure.others.length > 0, flux: here.figure.about.flux };
  const { holder, drawn } = (!before && await takeAhead(url)) || await drawNew(here, url);
  if (!drawn || here.drawing !== mine || here !== place) {
    if (drawn) disposeFigure(drawn);
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
  if (view) {
    if (typeof view.z === "number") { redshiftTo(String(view.z), "field"); showRedshift(); }
    showView(drawn, view);
    view = null;
  }
  const sameAxes = before && before.stacked === look.stacked && before.flux === drawn.about.flux;
  if (sameAxes && !before.whole) setZoom(drawn, before);
}

// Fetch samples for the sliders' smoothing and binning. If the server thinned them out for the screen, fetch all of them
// for the stretch that is zoomed into. The zoom stays as it is.
async function fetchSamples() {
  const here = place;
  const drawn = here.figure;
  const mine = ++samplesAsked;
  const stretch = {};
  const { start, end } = drawn.range;
  if (drawn.about.decimated && (start > drawn.all[0] || end < drawn.all[1])) {
    const margin = 0.25 * (end - start);
    stretch.from = start - margin;
    stretch.to = end + margin;
  }
  const answer = await loadSamples(here, stretch);
  if (!answer || mine !== samplesAsked || here.figure !== drawn) return;
  setSamples(drawn, answer, !smoothPlace() && !look.bin);
  changed(here);
}

function watchZoom(here, drawn) {
  let timer = 0;
  drawn.range.change.connect(() => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (here.figure !== drawn) return;
      // A stretch without a single sample shows nothing. If the server left samples out, more of them may come.
      const beyond = drawn.range.end < drawn.all[0] || drawn.range.start > drawn.all[1];
      if (beyond || (!drawn.about.decimated && !showsSomething(drawn))) { setZoom(drawn, { x: drawn.whole, y: drawn.high }); return; }
      markLines(drawn);
      if (drawn.about.decimated) fetchSamples();
    }, WAIT_MS);
  });
}

// words: which wavelengths spoke for the class, or null if that is not known.
function showAttribution(words) {
  const line = document.getElementById("spoke");
  if (!line) return;
  line.hidden = !words || !look.strip;
  line.querySelector("span").textContent = words ?? "";
  tools.querySelector('[data-plot="strip"]').hidden = !words;
}

// Make the controls show what is chosen.
function showChoices() {
  const smoothed = SMOOTHING_BY_KEY[smoothPlace()] ?? `σ ${smoothing[smoothPlace()]}`;
  tools.querySelector('[data-plot="smooth"] b').textContent = smoothed;
  tools.querySelector('[data-plot="flux"] b').textContent = FLUX[look.flux];
  showSlider("smooth", smoothing, smoothPlace(), smoothed);
  showSlider("bin", binning, look.bin, `${binning[look.bin] ?? 1} samples in one`);
  for (const name of ["lines", "strip", "stacked", "ends", "template", "measure"]) {
    tools.querySelector(`[data-plot="${name}"]`)?.setAttribute("aria-pressed", look[name] ? "true" : "false");
  }
  tools.querySelector("[data-drag]").textContent = look.measure ? "drag over a line and a little beyond, v ends it" : "drag to zoom";
  showOverlay(tools);
  showHost(tools, place);
}

function showSlider(name, widths, at, words) {
  const slider = tools.querySelector(`#plot-${name}`);
  // The widths come with the first figure.
  slider.disabled = !widths.length;
  if (widths.length) slider.max = widths.length - 1;
  slider.value = at;
  slider.setAttribute("aria-valuetext", words);
}

function change(what) {
  const drawn = place.figure;
  if (["png", "svg", "csv"].includes(what)) { if (drawn) save(drawn, what, place.dataset.name, z); return; }
  if (what === "link") { if (drawn) copyLink(drawn, z); return; }
  if (what === "smooth") look.smooth = Object.keys(SMOOTHING_BY_KEY).map(Number).find((at) => at > smoothPlace()) ?? 0;
  else if (what === "template") look.template = nextOverlay(place);
  else if (what === "host") nextHost(place);
  else if (what === "flux") look.flux = after(Object.keys(FLUX), look.flux);
  else look[what] = !look[what];
  showChoices();
  if (["template", "host", "stacked", "flux"].includes(what)) { draw(); return; }
  if (!drawn) return;
  if (what === "smooth") fetchSamples();
  if (what === "lines") markLines(drawn);
  if (what === "ends") showEnds(drawn, look.ends);
  if (what === "measure") measureByDrag(drawn, look.measure);
  if (what === "strip") { showPanel(drawn, "strip", look.strip); showAttribution(drawn.about.spoke); }
}

// A click on a named match lays it over the spectrum, and another one takes it away.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-named-match]");
  if (!button || !place) return;
  const wanted = 2 + Number(button.dataset.namedMatch);
  look.template = look.template === wanted ? 0 : wanted;
  showChoices();
  draw();
});

// The field shows the redshift to the last digit; the slider moves it a little about where it is.
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

// Without a redshift it is not known where the lines are.
function showNeeds() {
  const button = tools.querySelector('[data-plot="lines"]');
  button.disabled = !place.figure?.about.at_rest && z === null;
  button.querySelector(".needs").hidden = !button.disabled;
}

// text: what was typed; an empty text goes back to the redshift the server knows. from: "field" or "slider".
function redshiftTo(text, from) {
  const value = text.trim() === "" ? place.figure?.about.redshift ?? null : Number(text);
  if (value !== null && !(value > -0.1 && value < 10)) return;
  z = value;
  forgetMeasured();
  if (from === "field") showRedshift({ typed: text.trim() !== "" });
  else document.getElementById("plot-z").value = z.toFixed(5);
  if (!place.figure) return;
  setRedshift(place.figure, z);
  markLinesHere();
  showNeeds();
}

function startSliders() {
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(() => { if (place.figure) fetchSamples(); }, WAIT_MS); };
  for (const name of ["smooth", "bin"]) {
    tools.querySelector(`#plot-${name}`).addEventListener("input", (event) => {
      look[name] = Number(event.target.value);
      showChoices();
      later();
    });
  }
  document.getElementById("plot-z").addEventListener("input", (event) => redshiftTo(event.target.value, "field"));
  const slider = document.getElementById("plot-z-slider");
  slider.addEventListener("input", () => redshiftTo(slider.value, "slider"));
  // When the slider is let go of, it is in the middle of its way again.
  slider.addEventListener("change", () => showRedshift());
}

// Called for each page that is shown. A page that is shown again still has its figure and its controls.
export function startPlot() {
  place = document.getElementById("plot");
  tools = document.querySelector(".plot-tools");
  if (!place) return;
  z = place.figure?.z ?? null;
  // Measuring ends with the page on which it was begun.
  look.measure = false;
  if (place.started) {
    showChoices();
    if (place.figure) measureByDrag(place.figure, false); else draw();
    return;
  }
  place.started = true;
  view = takeView();
  tools.hidden = false;
  showChoices();
  startLineSets(tools, Boolean(place.dataset.nebular), markLinesHere);
  startSliders();
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("[data-plot]");
    if (button) change(button.dataset.plot);
  });
  if (window.Bokeh) draw(); else window.addEventListener("load", draw, { once: true });
}

// Redshift at which the spectrum is drawn, or null if none is known.
export const shownRedshift = () => z;

// Draw the spectrum at a redshift. text: the redshift as it was typed.
export function showAtRedshift(text) {
  redshiftTo(text, "field");
  showRedshift();
}

// Dispose of the figures of a page that will not come back.
export function forgetPlot(main) {
  const gone = main.querySelector("#plot");
  if (gone?.figure) disposeFigure(gone.figure);
  forgetPhotometry(main.querySelector("#photometry"));
}

const KEYS = { s: "smooth", f: "flux", l: "lines", t: "template", h: "host", a: "strip", e: "stacked", v: "measure" };
onKey((key) => {
  if (key === "h" && place?.dataset.noHost) { hint(place.dataset.noHost); return true; }
  if (!place || !KEYS[key] || !tools.querySelector(`[data-plot="${KEYS[key]}"]:not([hidden], :disabled)`)) return false;
  change(KEYS[key]);
  return true;
});
// The names of lines have other room beside each other in a wider or narrower figure.
let resized = 0;
window.addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { if (place) markLinesHere(); }, WAIT_MS); });
document.addEventListener("themechange", () => { dropAhead(); if (place) draw(); });
