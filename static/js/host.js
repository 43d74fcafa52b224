// What is drawn of the host's light: 0 nothing, 1 the host over the spectrum, 2 the spectrum without it. Each page begins with
// nothing, so that nobody takes another spectrum's difference for the spectrum.
const WORDS = ["not drawn", "drawn", "taken off"];

// plot: the page's #plot.
export const hostOf = (plot) => plot.host ?? 0;

export function nextHost(plot) {
  plot.host = (hostOf(plot) + 1) % WORDS.length;
}

// Make the button say what is drawn. tools: the row of controls.
export function showHost(tools, plot) {
  const button = tools.querySelector('[data-plot="host"]');
  if (!button) return;
  button.querySelector("b").textContent = WORDS[hostOf(plot)];
  button.setAttribute("aria-pressed", hostOf(plot) ? "true" : "false");
}
