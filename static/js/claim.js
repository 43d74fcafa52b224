// Claims the transient on the page, renews the claim while somebody looks at it, and gives the claim up on leaving.

const RENEW_MS = 60_000;
const notice = () => document.getElementById("claim");
let timer = 0;

function request(act) {
  const body = new FormData(notice().querySelector("[data-claim-own]"));
  body.set("act", act);
  return body;
}

// While another reviewer holds the claim, nobody else can decide.
function lock() {
  const verdicts = document.querySelector("#decide .verdicts");
  if (!verdicts) return;
  verdicts.disabled = Boolean(notice().querySelector("[data-claim-take]"));
  verdicts.querySelector(".held-words").hidden = !verdicts.disabled;
}

async function renew(act = "claim") {
  clearTimeout(timer);
  timer = setTimeout(renew, RENEW_MS);
  const here = notice();
  if (!here || document.hidden || (act === "claim" && here.hasAttribute("data-done"))) return;
  try {
    const answer = await fetch(here.dataset.url, { method: "POST", body: request(act), headers: { "X-Fragment": "1" } });
    if (!answer.ok || answer.redirected || here !== notice()) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("claim");
    if (fresh && fresh.textContent.trim() !== here.textContent.trim()) here.replaceWith(fresh);
    lock();
  } catch { /* the server does not answer for a moment; the next try renews the claim */ }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-claim-take]")) return;
  event.preventDefault();
  renew("take");
});
document.addEventListener("pagechange", () => renew("open"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); });
window.addEventListener("pagehide", () => {
  if (notice()) navigator.sendBeacon(notice().dataset.url, request("release"));
});
// The browser may show the page again from its memory; the claim was given up on leaving.
window.addEventListener("pageshow", (event) => { if (event.persisted) renew(); });
timer = setTimeout(renew, RENEW_MS);
