// The spectrum's figure after it was drawn. Its parts are found by the names that triage/figures/spectrum.py gives them
// and are changed in place, so that a zoom outlives every change of smoothing, lines or redshift.
import { drawFigure, letFingersScroll } from "./bokeh.js";

const LIGHT_SPEED = 299792.458; // km/s
const MAX_VELOCITY = 60000; // km/s
// Screens up to this width are phones. Heights in pixels: of the attribution below the flux, and of the lowest figure.
const NARROW = 640, BELOW = 84, LOWEST = 260;
// The name of a line needs so many pixels beside its neighbour. Where there is less room, the names stand at different
// heights, so many of them and so many pixels apart.
const LABEL_ROOM = 18;
const LABEL_LEVELS = 2;
const LABEL_STEP = 78;
// Height of the title of a downloaded picture in pixels.
const CAPTION = 28;

const narrow = () => window.innerWidth <= NARROW;

// Draw the figure into an element that already has its final width. Returns the figure's parts, which the functions
// below take as `drawn`.
export async function embed({ item, about }, target) {
  const { views, document } = await drawFigure(item, target);
  const named = (name) => document.get_model_by_name(name);
  const drawn = { views, document, about, named, plot: named("spectrum"), range: named("across"), up: named("up") };
  letFingersScroll(target);
  // On a phone the figure takes half of the screen, so that the page can be held beside it.
  if (narrow()) drawn.plot.height = Math.max(window.innerHeight / 2 - BELOW, LOWEST);
  // Wavelengths without noisy ends, all of them, and those that are drawn now as long as nobody zooms.
  const { x } = drawn.named("samples").data;
  drawn.quiet = drawn.whole = [drawn.range.start, drawn.range.end];
  drawn.all = [Math.min(drawn.range.start, x[0]), Math.max(drawn.range.end, x[x.length - 1])];
  // Limits of the flux axis for this spectrum alone, and for what is drawn.
  drawn.alone = drawn.high = [drawn.up.start, drawn.up.end];
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
  if (z !== null) axis.axis_label = `Rest wavelength (Å) at z = ${Number(z.toFixed(5))}`;
}

// The factor by which a velocity towards us (km/s) shortens a wavelength.
export const shiftOf = (velocity) => {
  const beta = Math.max(-MAX_VELOCITY, Math.min(MAX_VELOCITY, velocity)) / LIGHT_SPEED;
  return Math.sqrt((1 - beta) / (1 + beta));
};

// The wavelength in vacuum of a line at a wavelength in air (Å), after Morton 2000, as classifier/lines.py has it.
const inVacuum = (air) => {
  const squared = (1e4 / air) ** 2;
  return air * (1 + 8.34254e-5 + 2.406147e-2 / (130 - squared) + 1.5998e-4 / (38.9 - squared));
};
// Below this wavelength (Å) lines are given in vacuum.
const AIR_FROM = 2000;
// Where a line lies in the spectrum's medium. line: its wavelength as lines are given, Å.
const inMedium = (drawn, line) => (drawn.about.vacuum && line >= AIR_FROM ? inVacuum(line) : line);

// Mark spectral lines. on: whether lines of elements are marked. sets: {on, velocity} by the name of each set, the velocity
// in km/s towards us. elements: names of elements of the set "chosen". own: the reviewer's lines as [[rest wavelength in air in
// Å, name], …]. sky: whether lines of the night sky are marked.
export function setLines(drawn, choice) {
  const sky = choice.sky && !drawn.about.at_rest ? drawn.about.sky : [];
  const places = [...linePlaces(drawn, choice), ...sky.map(([at, name]) => [inMedium(drawn, at), name])];
  const [first, last] = drawn.all;
  const inside = places.filter(([at]) => at >= first && at <= last).sort((a, b) => a[0] - b[0]);
  const room = (LABEL_ROOM / (drawn.plot.inner_width || 800)) * (drawn.range.end - drawn.range.start);
  // The wavelength of the last name at each height. A name that fits at no height is left out; its line stays.
  const taken = new Array(LABEL_LEVELS).fill(-Infinity);
  const step = narrow() ? LABEL_STEP / 2 : LABEL_STEP;
  const levels = inside.map(([at]) => {
    const level = taken.findIndex((before) => at - before >= room);
    if (level >= 0) taken[level] = at;
    return level;
  });
  drawn.named("lines").data = {
    x: inside.map(([at]) => at),
    y: levels.map((level) => 16 + step * level),
    text: inside.map(([, name], number) => (levels[number] < 0 ? "" : name)),
  };
}

// Returns [[observed wavelength, name], …] of the sets and the reviewer's own lines; empty if no redshift is known.
function linePlaces(drawn, { on, sets, elements, own }) {
  const z = drawn.redshift ?? null;
  if (z === null) return [];
  // A line that two sets put at one place is marked once.
  const places = new Map();
  for (const [set, { on: chosen, velocity }] of Object.entries(sets)) {
    if (!on || !chosen) continue;
    const wanted = set === "chosen" ? elements : drawn.about.sets[set];
    for (const [rest, name, element] of drawn.about.lines) {
      const at = inMedium(drawn, rest) * shiftOf(velocity) * (1 + z);
      if (wanted.includes(element)) places.set(`${name} ${at.toFixed(1)}`, [at, narrow() ? name : `${name} ${Math.round(rest)}`]);
    }
  }
  return [...places.values(), ...own.map(([rest, name]) => [inMedium(drawn, rest) * (1 + z), name])];
}

// Draw each epoch above the one before it, with its date.
export function stack(drawn) {
  if (!drawn.others.length) return;
  const [low, high] = drawn.alone;
  const step = 0.8 * (high - low);
  const lowest = [low];
  for (const { rank, source, name, flux } of drawn.others) {
    const up = rank * step;
    source.data = { ...source.data, y: flux.map((value) => value + up) };
    const known = [...flux].filter(Number.isFinite);
    const level = known.slice(-40).reduce((sum, value) => sum + value, 0) / Math.max(known.slice(-40).length, 1);
    name.data = { ...name.data, y: [level + up + 0.12 * step] };
    // An epoch that falls deeper than the one in front is not cut off, but for its spikes.
    known.sort((one, other) => one - other);
    if (known.length) lowest.push(known[Math.floor(known.length / 50)] + up - 0.06 * step);
  }
  drawn.high = [Math.min(...lowest), high + step * Math.max(0, ...drawn.others.map(({ rank }) => rank))];
  drawn.up.setv({ start: drawn.high[0], end: drawn.high[1] });
}

// Tell if ends of the spectrum are left out at first, because they are mostly noise.
export const hasNoisyEnds = ({ quiet, all }) => all[0] < quiet[0] || all[1] > quiet[1];

// Draw all wavelengths, or leave out the noisy ends.
export function showEnds(drawn, on) {
  drawn.whole = on ? drawn.all : drawn.quiet;
  const [start, end] = drawn.whole;
  drawn.range.setv({ start, end, reset_start: start, reset_end: end });
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

// Tell if a sample of the spectrum, or of an epoch beside it, lies in the part that is zoomed into.
export function showsSomething(drawn) {
  const [left, right, low, high] = [drawn.range.start, drawn.range.end, drawn.up.start, drawn.up.end];
  return [drawn.named("samples"), ...drawn.others.map(({ source }) => source)].some(({ data: { x, y } }) => (
    x.some((at, number) => at >= left && at <= right && y[number] >= low && y[number] <= high)
  ));
}

// Switch the marks of telluric bands.
export function showTelluric(drawn, on) {
  showPanel(drawn, "telluric signs", on);
  for (let number = 0; drawn.named(`telluric ${number}`); number += 1) showPanel(drawn, `telluric ${number}`, on);
}

const nextFrame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });

// Returns the figure as a file, with a title above the spectrum. kind: "png" or "svg".
export async function picture(drawn, kind, title) {
  const caption = drawn.named("caption");
  const height = drawn.plot.inner_height;
  const { start, end } = drawn.up;
  // The flux axis reaches higher meanwhile, so that no peak stands behind the title.
  drawn.up.end = end + (end - start) * CAPTION / (height - CAPTION);
  caption.setv({ text: title, y: height - 6 });
  // It is painted in the next frame.
  await nextFrame();
  await nextFrame();
  const file = await drawn.views.roots[0].export(kind).to_blob();
  caption.text = "";
  drawn.up.end = end;
  return file;
}
