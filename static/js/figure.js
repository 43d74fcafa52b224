// The spectrum's figure after it was drawn. Its parts are found by the names that triage/figures/spectrum.py gives them
// and are changed in place, so that a zoom outlives every change of smoothing, lines or redshift.
import { drawFigure } from "./bokeh.js";

const LIGHT_SPEED = 299792.458; // km/s
const MAX_VELOCITY = 60000; // km/s
// The name of a line needs so many pixels beside its neighbour. Where there is less room, the names stand at different
// heights, so many of them and so many pixels apart.
const LABEL_ROOM = 18;
const LABEL_LEVELS = 2;
const LABEL_STEP = 44;

// Draw the figure into an element that already has its final width. Returns the figure's parts, which the functions
// below take as `drawn`.
export async function embed({ item, about }, target) {
  const { views, document } = await drawFigure(item, target);
  const named = (name) => document.get_model_by_name(name);
  const drawn = { views, document, about, named, plot: named("spectrum"), range: named("across"), up: named("up") };
  drawn.whole = [drawn.range.start, drawn.range.end];
  drawn.high = [drawn.up.start, drawn.up.end];
  drawn.others = about.ranks.map((rank, number) => {
    const source = named(`epoch ${number}`);
    return { rank, source, name: named(`epoch name ${number}`), flux: Float32Array.from(source.data.y) };
  });
  return drawn;
}

const floats = (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
};

// Show other samples of the same spectrum. answer: columns as the server sends them. plain: whether nothing was smoothed
// or binned; the unsmoothed samples behind the curve are then left out.
export function setSamples(drawn, answer, plain) {
  const data = Object.fromEntries(Object.entries(answer).map(([name, text]) => [name, floats(text)]));
  if (plain) data.raw = data.raw.fill(NaN);
  data.rest = restOf(drawn, data.x);
  const source = drawn.named("samples");
  // All columns are replaced at once, because they must have the same length.
  source.data = data;
}

const restOf = (drawn, x) => x.map((at) => at / (1 + (drawn.redshift ?? 0)));

// Move the rest-frame axis. z: redshift, or null if none is known.
export function setRedshift(drawn, z) {
  drawn.z = z;
  drawn.redshift = drawn.about.at_rest ? 0 : z;
  const source = drawn.named("samples");
  source.data = { ...source.data, rest: restOf(drawn, Float32Array.from(source.data.x)) };
  const axis = drawn.named("rest axis");
  if (!axis) return;
  const rest = drawn.named("rest");
  const follow = () => rest.setv({ start: drawn.range.start / (1 + (z ?? 0)), end: drawn.range.end / (1 + (z ?? 0)) });
  if (drawn.follow) drawn.range.change.disconnect(drawn.follow);
  drawn.follow = follow;
  drawn.range.change.connect(follow);
  follow();
  axis.visible = z !== null;
  if (z !== null) axis.axis_label = `Rest wavelength (Å) at z = ${z.toFixed(5)}`;
}

// The factor by which a velocity towards us (km/s) shortens a wavelength.
export const shiftOf = (velocity) => {
  const beta = Math.max(-MAX_VELOCITY, Math.min(MAX_VELOCITY, velocity)) / LIGHT_SPEED;
  return Math.sqrt((1 - beta) / (1 + beta));
};

// Mark spectral lines. on: whether lines of elements are marked. elements: names of elements, or null for those of the
// predicted class. velocity: km/s towards us. own: the reviewer's lines as [[rest wavelength in Å, name], …]; the
// velocity does not shift them.
export function setLines(drawn, { on, elements, velocity, own }) {
  const places = linePlaces(drawn, { on, elements, velocity, own });
  const [first, last] = drawn.whole;
  const inside = places.filter(([at]) => at >= first && at <= last).sort((a, b) => a[0] - b[0]);
  const room = (LABEL_ROOM / (drawn.plot.inner_width || 800)) * (drawn.range.end - drawn.range.start);
  // The wavelength of the last name at each height. A name that fits at no height is left out; its line stays.
  const taken = new Array(LABEL_LEVELS).fill(-Infinity);
  const levels = inside.map(([at]) => {
    const level = taken.findIndex((before) => at - before >= room);
    if (level >= 0) taken[level] = at;
    return level;
  });
  drawn.named("lines").data = {
    x: inside.map(([at]) => at),
    y: levels.map((level) => 16 + LABEL_STEP * level),
    text: inside.map(([, name], number) => (levels[number] < 0 ? "" : name)),
  };
}

// Returns [[observed wavelength, name], …]; empty if no redshift is known.
function linePlaces(drawn, { on, elements, velocity, own }) {
  const z = drawn.redshift ?? null;
  if (z === null) return [];
  const wanted = on ? elements ?? drawn.about.elements : [];
  const shift = shiftOf(velocity);
  return [
    ...drawn.about.lines.filter(([, , element]) => wanted.includes(element)).map(([rest, name]) => [rest * shift * (1 + z), name]),
    ...own.map(([rest, name]) => [rest * (1 + z), name]),
  ];
}

// Draw each epoch above the one before it, with its date (on), or all at the same height.
export function stack(drawn, on) {
  if (!drawn.others.length) return;
  const step = 0.8 * (drawn.high[1] - drawn.high[0]);
  for (const { rank, source, name, flux } of drawn.others) {
    const up = on ? rank * step : 0;
    source.data = { ...source.data, y: flux.map((value) => value + up) };
    const known = [...flux].filter(Number.isFinite);
    const level = known.slice(-40).reduce((sum, value) => sum + value, 0) / Math.max(known.slice(-40).length, 1);
    name.data = { ...name.data, y: [on ? level + up + 0.12 * step : NaN] };
  }
  const ranks = drawn.others.map(({ rank }) => rank);
  drawn.up.setv(on
    ? { start: drawn.high[0] + step * Math.min(0, ...ranks), end: drawn.high[1] + step * Math.max(0, ...ranks) }
    : { start: drawn.high[0], end: drawn.high[1] });
}

// Show or hide a panel of the figure.
export function showPanel(drawn, name, on) {
  const panel = drawn.named(name);
  if (panel) panel.visible = on;
}

export const zoom = (drawn) => ({
  x: [drawn.range.start, drawn.range.end], y: [drawn.up.start, drawn.up.end],
  whole: drawn.range.start === drawn.whole[0] && drawn.range.end === drawn.whole[1]
    && drawn.up.start === drawn.high[0] && drawn.up.end === drawn.high[1],
});

export function setZoom(drawn, { x, y }) {
  drawn.range.setv({ start: x[0], end: x[1] });
  drawn.up.setv({ start: y[0], end: y[1] });
}

// Returns the figure as a file. kind: "png" or "svg".
export const picture = (drawn, kind) => drawn.views.roots[0].export(kind).to_blob();
