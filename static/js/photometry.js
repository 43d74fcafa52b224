// The light curve beside the spectrum, drawn once the reviewer stays for a moment.
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
  const views = await window.Bokeh.embed.embed_item(item, holder);
  forgetPhotometry(box);
  for (const child of [...box.children]) if (child !== holder) child.remove();
  box.figure = { views, document: window.Bokeh.documents.at(-1) };
  box.dataset.drawn = theme;
}

export function forgetPhotometry(box) {
  if (!box?.figure) return;
  box.figure.views.clear();
  const at = window.Bokeh.documents.indexOf(box.figure.document);
  if (at >= 0) window.Bokeh.documents.splice(at, 1);
  box.figure = null;
}

document.addEventListener("themechange", () => {
  const box = document.getElementById("photometry");
  if (box?.figure) draw(box);
});
