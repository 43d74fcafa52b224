// The light curve beside the spectrum. It is drawn only when the reviewer stays for a moment, to spare the server.
import { disposeFigure, drawFigure } from "./bokeh.js";

const STAYS_MS = 450;
let timer = 0;

export function startPhotometry() {
  clearTimeout(timer);
  const box = document.getElementById("photometry");
  if (!box || box.figure) return;
  timer = setTimeout(() => draw(box), STAYS_MS);
}

async function draw(box) {
  const theme = document.documentElement.dataset.theme;
  const answer = await fetch(`${box.dataset.url}?theme=${theme}`).catch(() => null);
  if (!answer?.ok || answer.redirected || !box.isConnected || !window.Bokeh) return;
  const { item } = await answer.json();
  const holder = document.createElement("div");
  box.append(holder);
  const figure = await drawFigure(item, holder);
  forgetPhotometry(box);
  for (const child of [...box.children]) if (child !== holder) child.remove();
  box.figure = figure;
  box.dataset.drawn = theme;
}

// Dispose of the light curve of a page that will not come back.
export function forgetPhotometry(box) {
  if (!box?.figure) return;
  disposeFigure(box.figure);
  box.figure = null;
}

document.addEventListener("themechange", () => {
  const box = document.getElementById("photometry");
  if (box?.figure) draw(box);
});
