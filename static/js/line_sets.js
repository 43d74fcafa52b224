// The controls that choose which spectral lines are marked: sets of elements, each at a velocity, single elements, the
// reviewer's own lines, the night sky's and telluric bands.
import { look } from "./plot_look.js";

// Read "6355 Si II, 5890": rest wavelengths in Å, each with or without a name. Returns [[6355, "Si II"], [5890, "5890"]].
const ownLines = (text) => text.split(/[,;\n]/)
  .map((part) => /^\s*(\d+(?:\.\d+)?)\s*(?:Å|A\b)?\s*(.*?)\s*$/.exec(part))
  .filter(Boolean)
  .map(([, at, name]) => [Number(at), name || at]);

const asText = (lines) => lines.map(([at, name]) => (name === String(at) ? name : `${at} ${name}`)).join(", ");

// tools: the row of controls. nebular: whether the spectrum shows nebular lines by its phase. changed: called after each choice.
export function startLineSets(tools, nebular, changed) {
  if (!look.chosen) look.sets.nebular.on = nebular;
  const panel = tools.querySelector(".line-sets");
  const elements = [...panel.querySelectorAll("[name=element]")];
  const own = panel.querySelector("#plot-own");
  own.value = asText(look.own);
  for (const [set, { on, velocity }] of Object.entries(look.sets)) {
    panel.querySelector(`[name=set][value=${set}]`).checked = on;
    panel.querySelector(`[data-velocity=${set}]`).value = velocity || "";
  }
  for (const box of elements) box.checked = look.elements.includes(box.value);
  for (const name of ["sky", "telluric"]) panel.querySelector(`[name=${name}]`).checked = look[name];
  panel.addEventListener("input", ({ target }) => {
    look.elements = elements.filter((box) => box.checked).map((box) => box.value);
    if (target.name === "set") look.chosen = true;
    // Whoever picks an element wants to see it.
    if (target.name === "element") panel.querySelector("[name=set][value=chosen]").checked = look.elements.length > 0;
    for (const set of Object.keys(look.sets)) {
      look.sets[set] = {
        on: panel.querySelector(`[name=set][value=${set}]`).checked,
        velocity: Number(panel.querySelector(`[data-velocity=${set}]`).value) || 0,
      };
    }
    for (const name of ["sky", "telluric"]) look[name] = panel.querySelector(`[name=${name}]`).checked;
    look.own = ownLines(own.value);
    changed();
  });
}
