// The controls that choose which spectral lines are marked: elements, a velocity, and the reviewer's own lines.
import { look } from "./plot_look.js";

// Read "6355 Si II, 5890": rest wavelengths in Å, each with or without a name. Returns [[6355, "Si II"], [5890, "5890"]].
const ownLines = (text) => text.split(/[,;\n]/)
  .map((part) => /^\s*(\d+(?:\.\d+)?)\s*(?:Å|A\b)?\s*(.*?)\s*$/.exec(part))
  .filter(Boolean)
  .map(([, at, name]) => [Number(at), name || at]);

const asText = (lines) => lines.map(([at, name]) => (name === String(at) ? name : `${at} ${name}`)).join(", ");

// tools: the row of controls. changed: called after each choice.
export function startLineSets(tools, changed) {
  const boxes = [...tools.querySelectorAll("[name=element]")];
  const velocity = tools.querySelector("#plot-velocity");
  const own = tools.querySelector("#plot-own");
  velocity.value = look.velocity || "";
  own.value = asText(look.own);
  // The page ticks the elements of the predicted class.
  const tick = () => { for (const box of boxes) box.checked = look.elements?.includes(box.value) ?? box.defaultChecked; };
  tick();
  tools.querySelector(".line-sets").addEventListener("input", ({ target }) => {
    if (target.name === "element") look.elements = boxes.filter((box) => box.checked).map((box) => box.value);
    look.velocity = Number(velocity.value) || 0;
    look.own = ownLines(own.value);
    changed();
  });
  tools.querySelectorAll("[data-elements]").forEach((button) => button.addEventListener("click", () => {
    look.elements = { all: boxes.map((box) => box.value), none: [] }[button.dataset.elements] ?? null;
    tick();
    changed();
  }));
}
