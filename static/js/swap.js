// From one review page to the next without loading the page's scripts anew: the next one is fetched ahead, shown in
// place of this one, and has an address and a place in the history of its own. Without this script links and forms do
// the same, slower.
const ahead = new Map();
const MOST_AHEAD = 6;
let turn = 0;

export function fetchAhead(address) {
  if (!ahead.has(address)) {
    const wanted = fetch(address).then((answer) => (answer.ok && !answer.redirected ? answer.text() : null)).catch(() => null);
    ahead.set(address, wanted);
    while (ahead.size > MOST_AHEAD) ahead.delete(ahead.keys().next().value);
  }
  return ahead.get(address);
}

// Takes what was fetched ahead once: it may be old by the next time.
export function takeAhead(address) {
  const found = ahead.get(address);
  ahead.delete(address);
  return found;
}

export const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

function show(html, address, push) {
  const page = parsed(html);
  const main = page.getElementById("main");
  if (!main || !page.body.classList.contains("review-page")) return false;
  document.getElementById("main").replaceWith(main);
  document.title = page.title;
  if (push) history.pushState(null, "", address);
  window.scrollTo(0, 0);
  main.tabIndex = -1;
  main.focus({ preventScroll: true });
  document.dispatchEvent(new Event("pagechange"));
  return true;
}

export async function visit(address, { push = true, fresh = false } = {}) {
  const mine = ++turn;
  const fetched = takeAhead(address);
  const html = (!fresh && await fetched) || await fetchAhead(address);
  ahead.delete(address);
  if (mine !== turn) return;
  if (!html || !show(html, address, push)) location.assign(address);
}

function say(text) {
  const note = document.createElement("div");
  note.className = "message error";
  note.setAttribute("role", "alert");
  note.textContent = text;
  document.getElementById("messages").replaceChildren(note);
}

// Returns whether the server took it.
export async function send(form, button) {
  const body = new FormData(form, button);
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body, headers: { "X-Fragment": "1" } });
  } catch {
    say("The server does not answer, so nothing was recorded. What you typed is still here; try again.");
    return false;
  }
  // A session that ran out: to the login and back to this page, where the comment's draft waits.
  if (answer.redirected) {
    location.assign(`${new URL(answer.url).pathname}?next=${encodeURIComponent(location.pathname + location.search)}`);
    return false;
  }
  if (answer.ok) {
    await visit((await answer.json()).next, { fresh: true });
    return true;
  }
  if (!show(await answer.text(), location.href, false)) say(`The server refused this (${answer.status}); reload and try again.`);
  return false;
}

window.addEventListener("popstate", () => visit(location.href, { push: false, fresh: true }));
