// The dashboard of the night. Its numbers are fetched again while somebody looks at them; its figures are drawn again when
// the numbers behind them have changed.
import { disposeFigure, drawFigure } from "./bokeh.js";

const POLL_MS = 15_000;
const part = document.getElementById("night");
const plots = document.querySelector(".night-plots");
let figures = [];
let drawn = "";
let sequence = 0;

async function draw() {
  const { version, count } = part.querySelector("[data-version]").dataset;
  const wanted = `${version} ${document.documentElement.dataset.theme}`;
  plots.hidden = count === "0";
  if (wanted === drawn || plots.hidden || !window.Bokeh) return;
  const mine = ++sequence;
  const query = new URLSearchParams(location.search);
  query.set("theme", document.documentElement.dataset.theme);
  const answer = await fetch(`${part.dataset.plots}?${query}`);
  if (!answer.ok || answer.redirected || mine !== sequence) return;
  const items = await answer.json();
  if (mine !== sequence) return;
  const old = figures;
  figures = [];
  for (const [name, item] of Object.entries(items)) {
    document.getElementById(name).replaceChildren();
    figures.push(await drawFigure(item, name));
  }
  old.forEach(disposeFigure);
  drawn = wanted;
  plots.dataset.drawn = version;
}

async function refresh() {
  try {
    if (!document.hidden) {
      const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
      const fresh = await answer.text();
      if (answer.ok && !answer.redirected && !part.contains(document.activeElement)) part.innerHTML = fresh;
      await draw();
    }
  } catch { /* the server does not answer for a moment; ask again later */ }
}

document.querySelectorAll("[data-submit]").forEach((field) => {
  field.addEventListener("change", () => field.form.submit());
});
document.addEventListener("themechange", draw);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(refresh, POLL_MS);
if (window.Bokeh) draw(); else window.addEventListener("load", draw, { once: true });
