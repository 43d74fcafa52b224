// What the plot shows, as an address that a colleague can open, and as a table.
import { setZoom, zoom } from "./figure.js";
import { look } from "./plot_look.js";

// The choices that an address holds; the others belong to the reader.
const KEPT = ["smooth", "bin", "flux", "lines", "stacked", "template", "elements", "own", "sky", "telluric", "sets"];

// Returns the page's address with the view in its fragment. z: redshift at which the spectrum is drawn, or null.
export function viewAddress(drawn, z) {
  const { x, y, whole } = zoom(drawn);
  const view = { z, zoom: whole ? null : { x, y }, look: Object.fromEntries(KEPT.map((name) => [name, look[name]])) };
  return `${location.href.split("#")[0]}#view=${encodeURIComponent(JSON.stringify(view))}`;
}

// Takes the view out of the address, if it holds one, and chooses what it says. Returns {z, zoom}, or null.
export function takeView() {
  const text = new URLSearchParams(location.hash.slice(1)).get("view");
  if (!text) return null;
  history.replaceState(null, "", location.href.split("#")[0]);
  try {
    const view = JSON.parse(text);
    for (const name of KEPT) if (typeof view.look?.[name] === typeof look[name] || name === "smooth") look[name] = view.look[name];
    return view;
  } catch { return null; /* somebody cut the address short */ }
}

export const showView = (drawn, view) => { if (view.zoom?.x && view.zoom?.y) setZoom(drawn, view.zoom); };

// Returns the drawn samples as CSV. The lines of its head say how they were made. name: the transient.
export function asTable(drawn, name, { smoothed, binned }) {
  const { x, y, lower, upper } = drawn.named("samples").data;
  const frame = drawn.about.at_rest ? "rest frame" : "observed frame";
  const known = lower.some(Number.isFinite);
  const head = [
    `# ${name}, ${drawn.about.label}`,
    `# wavelength in Å, ${frame}; ${drawn.about.flux}`,
    `# smoothing: ${smoothed}; binning: ${binned}${drawn.about.decimated ? "; samples were left out for the screen" : ""}`,
    known ? "wavelength,flux,flux_error" : "wavelength,flux",
  ];
  const rows = [...x].map((at, number) => [at, y[number], ...(known ? [(upper[number] - lower[number]) / 2] : [])])
    .filter(([, flux]) => Number.isFinite(flux))
    .map((row) => row.map((value) => Number(value).toPrecision(7)).join(","));
  return `${[...head, ...rows].join("\n")}\n`;
}
