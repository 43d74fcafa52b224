// The view of the plot as an address that a colleague can open, as a picture and as a table.
import { picture, setZoom, zoom } from "./figure.js";
import { hint } from "./hint.js";
import { look } from "./plot_look.js";

// The choices that an address holds; the others belong to the reader.
const KEPT = ["smooth", "bin", "flux", "lines", "stacked", "ends", "template", "elements", "own", "sky", "telluric", "sets"];

// Returns the page's address with the view in its fragment. z: redshift at which the spectrum is drawn, or null.
function viewAddress(drawn, z) {
  const { x, y, whole } = zoom(drawn);
  const view = { z, zoom: whole ? null : { x, y }, look: Object.fromEntries(KEPT.map((name) => [name, look[name]])) };
  return `${location.href.split("#")[0]}#view=${encodeURIComponent(JSON.stringify(view))}`;
}

// Tell if a value of an address can take the place of a choice: an address may come from another release, or be made up.
function isLike(value, choice) {
  if (typeof value !== typeof choice || value === null || Array.isArray(value) !== Array.isArray(choice)) return false;
  return typeof choice !== "object" || Array.isArray(choice) || Object.keys(choice).every((key) => isLike(value[key], choice[key]));
}

// Takes the view out of the address, if it holds one, and chooses what it says. Returns {z, zoom}, or null.
export function takeView() {
  const text = new URLSearchParams(location.hash.slice(1)).get("view");
  if (!text) return null;
  history.replaceState(null, "", location.href.split("#")[0]);
  try {
    const view = JSON.parse(text);
    for (const name of KEPT) if (isLike(view.look?.[name], look[name]) || name === "smooth") look[name] = view.look?.[name] ?? look[name];
    look.chosen ||= Boolean(view.look?.sets);
    return view;
  } catch { return null; /* somebody cut the address short */ }
}

export const showView = (drawn, view) => { if (view.zoom?.x && view.zoom?.y) setZoom(drawn, view.zoom); };

// Put the address of the view into the clipboard.
export async function copyLink(drawn, z) {
  const address = viewAddress(drawn, z);
  try {
    await navigator.clipboard.writeText(address);
    hint("The address of this view was copied.");
  } catch {
    // Browsers refuse this without HTTPS.
    history.replaceState(null, "", address);
    hint("The address bar holds this view now; copy it from there.");
  }
}

// Download what is drawn. kind: "png", "svg" or "csv". name: the transient.
export async function save(drawn, kind, name, z) {
  const { label, said } = drawn.about;
  const title = [name, label, said, z === null ? "" : `z = ${Number(z.toFixed(5))}`].filter(Boolean).join(" · ");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(kind === "csv" ? asTable(drawn, name) : await picture(drawn, kind, title));
  link.download = `${name}.${kind}`.replace(/\s+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Returns the drawn samples as CSV. The lines of its head say how they were made. name: the transient.
function asTable(drawn, name) {
  const [smoothed, binned] = ["smooth", "bin"].map((slider) => document.getElementById(`plot-${slider}`).getAttribute("aria-valuetext"));
  const { x, y, lower, upper } = drawn.named("samples").data;
  const frame = drawn.about.at_rest ? "rest frame" : "observed frame";
  const known = lower.some(Number.isFinite);
  const head = [
    `# ${name}, ${drawn.about.label}`,
    `# wavelength in Å, ${frame}${drawn.about.vacuum ? ", in vacuum" : ""}; ${drawn.about.flux}`,
    `# smoothing: ${smoothed}; binning: ${binned}${drawn.about.decimated ? "; samples were left out for the screen" : ""}`,
    known ? "wavelength,flux,flux_error" : "wavelength,flux",
  ];
  const rows = [...x].map((at, number) => [at, y[number], ...(known ? [(upper[number] - lower[number]) / 2] : [])])
    .filter(([, flux]) => Number.isFinite(flux))
    .map((row) => row.map((value) => Number(value).toPrecision(7)).join(","));
  return new Blob([`${[...head, ...rows].join("\n")}\n`], { type: "text/csv" });
}
