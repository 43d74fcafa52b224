// The spectrum that is laid over: 0 nothing, 1 the best template, 2 and more the named matches.
import { look } from "./plot_look.js";

// Returns what comes after what is laid over now. plot: the page's #plot.
export function nextOverlay(plot) {
  const last = 1 + Number(plot.dataset.named);
  const next = look.template + 1;
  if (next === 1 && plot.dataset.template === "0") return last > 1 ? 2 : 0;
  return next > last ? 0 : next;
}

// Make the button, and the list of named matches, show what is laid over. tools: the row of controls.
export function showOverlay(tools) {
  const named = [...document.querySelectorAll("[data-named-match]")];
  for (const button of named) {
    button.setAttribute("aria-pressed", look.template === 2 + Number(button.dataset.namedMatch));
  }
  const over = tools.querySelector('[data-plot="template"]');
  if (!over) return;
  const best = look.template ? over.dataset.best : "nothing";
  over.querySelector("b").textContent = look.template < 2 ? best : named[look.template - 2]?.textContent ?? "nothing";
}
