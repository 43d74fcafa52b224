// The dashboard: numbers fetched afresh while somebody looks, figures drawn anew when they have changed.

const POLL_MS = 15_000;
const part = document.getElementById("night");
const plots = document.querySelector(".night-plots");
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
  const old = [...window.Bokeh.documents];
  for (const [name, item] of Object.entries(items)) {
    document.getElementById(name).replaceChildren();
    await window.Bokeh.embed.embed_item(item, name);
  }
  // Bokeh keeps every figure it ever drew unless told otherwise.
  for (const one of old) {
    one.clear();
    window.Bokeh.documents.splice(window.Bokeh.documents.indexOf(one), 1);
  }
  drawn = wanted;
  plots.dataset.drawn = version;
}

async function refresh() {
  try {
    if (!document.hidden) {
      const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
      if (answer.ok && !answer.redirected && !part.contains(document.activeElement)) part.innerHTML = await answer.text();
      await draw();
    }
  } catch { /* the server is away for a moment; ask again */ }
}

document.querySelectorAll("[data-submit]").forEach((field) => {
  field.addEventListener("change", () => field.form.submit());
});
document.addEventListener("themechange", draw);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(refresh, POLL_MS);
if (window.Bokeh) draw(); else window.addEventListener("load", draw, { once: true });
