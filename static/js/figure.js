// A drawn figure: its parts are found by the names that triage/plots.py gives them, and changed in place, so that a
// zoom outlives every change of smoothing, lines or redshift.
const LIGHT_SPEED = 299792.458;
const MOST_VELOCITY = 60000;
// Names of lines that are closer than so many pixels are put at different heights, so many of them, pixels apart.
const LABEL_ROOM = 18;
const LABEL_LEVELS = 2;
const LABEL_STEP = 44;

// drawn: {document, about, parts}. target: an element in the document that has its final width.
export async function embed({ item, about }, target) {
  const views = await window.Bokeh.embed.embed_item(item, target);
  const document = window.Bokeh.documents.at(-1);
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

// Bokeh keeps every figure it ever drew unless told otherwise.
export function forget(drawn) {
  drawn.views.clear();
  const at = window.Bokeh.documents.indexOf(drawn.document);
  if (at >= 0) window.Bokeh.documents.splice(at, 1);
}

const floats = (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
};

// What the address of the samples answers; raw is what was smoothed away, and not shown where nothing was.
export function setSamples(drawn, answer, plain) {
  const data = Object.fromEntries(Object.entries(answer).map(([name, text]) => [name, floats(text)]));
  if (plain) data.raw = data.raw.fill(NaN);
  data.rest = restOf(drawn, data.x);
  const source = drawn.named("samples");
  // Columns of another length one by one would not fit together.
  source.data = data;
}

const restOf = (drawn, x) => x.map((at) => at / (1 + (drawn.redshift ?? 0)));

// z: null where no redshift is known.
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

export const shiftOf = (velocity) => {
  const beta = Math.max(-MOST_VELOCITY, Math.min(MOST_VELOCITY, velocity)) / LIGHT_SPEED;
  return Math.sqrt((1 - beta) / (1 + beta));
};

// on: whether any are marked. elements: names, null for those of the class predicted. velocity: km/s towards us. own: [[rest, name], …], which
// are not shifted by the velocity.
export function setLines(drawn, { on, elements, velocity, own }) {
  const source = drawn.named("lines");
  const z = drawn.redshift ?? null;
  const places = [];
  const wanted = elements ?? drawn.about.elements;
  if (z !== null) {
    const shift = shiftOf(velocity);
    if (on) {
      for (const [rest, name, element] of drawn.about.lines) {
        if (wanted.includes(element)) places.push([rest * shift * (1 + z), name]);
      }
    }
    for (const [rest, name] of own) places.push([rest * (1 + z), name]);
  }
  const [first, last] = drawn.whole;
  const inside = places.filter(([at]) => at >= first && at <= last).sort((a, b) => a[0] - b[0]);
  const room = (LABEL_ROOM / (drawn.plot.inner_width || 800)) * (drawn.range.end - drawn.range.start);
  // Where the last name of each level stands; a name for which no level has room is left out, its line stays.
  const taken = new Array(LABEL_LEVELS).fill(-Infinity);
  const levels = inside.map(([at]) => {
    const level = taken.findIndex((before) => at - before >= room);
    if (level >= 0) taken[level] = at;
    return level;
  });
  source.data = {
    x: inside.map(([at]) => at),
    y: levels.map((level) => 16 + LABEL_STEP * level),
    text: inside.map(([, name], number) => (levels[number] < 0 ? "" : name)),
  };
}

// Each epoch above the one before it, with its date; else all on one another.
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

export function show(drawn, name, on) {
  const panel = drawn.named(name);
  if (panel) panel.visible = on;
  return Boolean(panel);
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

// kind: "png" or "svg".
export const picture = (drawn, kind) => drawn.views.roots[0].export(kind).to_blob();
