// The reviewer's settings of the plot, and fetching and drawing a figure with them.
import { embed, setLines, setRedshift, showEnds, showPanel, showTelluric, stack } from "./figure.js";
import { hostOf } from "./host.js";

// These choices stay from one transient to the next; a redshift typed for one transient does not. smooth and bin are
// places of the sliders; smooth is null until somebody chooses, and the noise decides. flux: "measured", "continuum" or
// "log". sets: whether each set of lines is
// marked, and at which velocity (km/s towards us). chosen: whether the reviewer chose among them; until then, the phase of a
// spectrum decides on the nebular set. elements: names of elements of the set "chosen". own: the reviewer's lines as
// [[rest wavelength in air in Å, name], …]. ends: whether noisy ends are drawn. sky, telluric: whether these are marked.
// measure: whether a drag measures a line instead of zooming, which ends with the page.
export const look = {
  smooth: null, bin: 0, flux: "measured", lines: true, template: 0, strip: true, stacked: false, ends: false, elements: [], own: [],
  sky: false, telluric: true, measure: false, chosen: false,
  sets: Object.fromEntries(["class", "host", "flash", "nebular", "chosen"].map((set) => [set, { on: set === "class", velocity: 0 }])),
};

export const markLines = (drawn) => setLines(drawn, { ...look, on: look.lines });

// Make a drawn figure show what the reviewer chose.
export function dress(drawn, redshift) {
  setRedshift(drawn, redshift);
  showEnds(drawn, look.ends);
  markLines(drawn);
  stack(drawn);
  showTelluric(drawn, look.telluric);
  showPanel(drawn, "strip", look.strip);
}

const query = (plot, more) => new URLSearchParams({
  spectrum: plot.dataset.spectrum, smooth: look.smooth ?? "", bin: look.bin, flux: look.flux, host: hostOf(plot), ...more,
});
const load = (url) => fetch(url).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);

// The figure's address. plot: the #plot element of a page, also of one that is not shown yet.
export function figureAddress(plot) {
  const theme = document.documentElement.dataset.theme;
  return `${plot.dataset.url}?${query(plot, { template: look.template, epochs: look.stacked ? 1 : 0, theme, seen: plot.dataset.seen })}`;
}

// Fetch the samples alone. stretch: {from, to} in Å, or empty for all wavelengths. Resolves to null if that fails.
export const loadSamples = (plot, stretch) => load(`${plot.dataset.url}samples/?${query(plot, stretch)}`);

// Fetch a figure and draw it into an element. Without a redshift, the one the server knows is used. Resolves to null if
// there is no figure.
export async function drawInto(holder, url, redshift) {
  const answer = await load(url);
  if (!answer) return null;
  const drawn = await embed(answer, holder);
  dress(drawn, redshift === undefined ? answer.about.redshift : redshift);
  return drawn;
}
