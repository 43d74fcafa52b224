// Draws the next page's figure ahead, out of sight, so that it is there at once when that page is shown.
import { disposeFigure } from "./bokeh.js";
import { drawInto, dress, figureAddress, look } from "./plot_look.js";

let ahead = null;

// page: the next page, fetched and parsed. The figure is drawn in the width that it will have.
export function plotAhead(page) {
  const next = page.getElementById("plot");
  if (!next || !window.Bokeh) return null;
  const url = figureAddress(next);
  if (ahead?.url === url) return ahead.drawn;
  dropAhead();
  const holder = document.createElement("div");
  holder.className = "figure stage";
  holder.inert = true;
  const room = document.getElementById("plot") ?? document.getElementById("main");
  holder.style.width = `${room.clientWidth}px`;
  document.body.append(holder);
  ahead = { url, holder, dressed: JSON.stringify(look), drawn: drawInto(holder, url) };
  ahead.drawn.then(() => { holder.dataset.drawn = "1"; });
  return ahead.drawn;
}

export function dropAhead() {
  const old = ahead;
  ahead = null;
  old?.drawn.then((drawn) => { if (drawn) disposeFigure(drawn); old.holder.remove(); });
}

// Take the figure that was drawn ahead for this address, once it is complete: {holder, drawn}, or null if there is none.
export async function takeAhead(url) {
  if (ahead?.url !== url) return null;
  const { holder, dressed, drawn: coming } = ahead;
  ahead = null;
  const drawn = await coming;
  if (!drawn) { holder.remove(); return null; }
  // The reviewer may have changed something since.
  if (dressed !== JSON.stringify(look)) dress(drawn, drawn.about.redshift);
  return { holder, drawn };
}
