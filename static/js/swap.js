// From one review page to the next without loading the page's scripts anew: the next one is fetched ahead, shown in
// place of this one, and has an address and a place in the history of its own. A verdict shows the next page at once
// and is recorded meanwhile; where it is not, this page comes back as it was. Without this script links and forms do
// the same, slower.
import { forgetPlot } from "./plot.js";

const ahead = new Map();
const MOST_AHEAD = 6;
// What was fetched longer ago than this may have been decided by somebody else since.
const FRESH_MS = 120_000;
let turn = 0;
let sending = null;

const parsed = (html) => new DOMParser().parseFromString(html, "text/html");
const same = (one, other) => new URL(one, location.href).href === new URL(other, location.href).href;

// Resolves to the parsed page, null where there is none.
export function fetchAhead(address) {
  const kept = ahead.get(address);
  if (kept && performance.now() - kept.at < FRESH_MS) return kept.wanted;
  const entry = { at: performance.now(), page: null, wanted: null };
  // Fetching claims nothing; static/js/claim.js does when the page is shown.
  entry.wanted = fetch(address, { headers: { "X-Ahead": "1" } }).then((answer) => (answer.ok && !answer.redirected ? answer.text() : null))
    .then((html) => { entry.page = html && parsed(html); return entry.page; }).catch(() => null);
  ahead.set(address, entry);
  while (ahead.size > MOST_AHEAD) ahead.delete(ahead.keys().next().value);
  return entry.wanted;
}

// A page that can be shown at once, taken once: it may be old by the next time.
function takeReady(address) {
  const entry = ahead.get(address);
  if (!entry?.page || performance.now() - entry.at > FRESH_MS) return null;
  ahead.delete(address);
  return entry.page;
}

// keep: the page that goes may come back.
function show(page, address, push, keep = false) {
  const main = page.getElementById("main");
  if (!main || !page.body.classList.contains("review-page")) return false;
  const old = document.getElementById("main");
  old.replaceWith(main);
  if (!keep) forgetPlot(old);
  settle(main, page.title, address, push);
  return true;
}

function settle(main, title, address, push) {
  document.title = title;
  if (push) history.pushState(null, "", address);
  window.scrollTo(0, 0);
  main.tabIndex = -1;
  main.focus({ preventScroll: true });
  document.dispatchEvent(new Event("pagechange"));
}

export async function visit(address, { push = true, fresh = false } = {}) {
  const mine = ++turn;
  // Another page is loaded whole; fetching it first would use up the message that it is to show.
  if (!new URL(address, location.href).pathname.startsWith("/transients/")) {
    location.assign(address);
    return;
  }
  if (fresh) ahead.delete(address);
  const page = await fetchAhead(address);
  ahead.delete(address);
  if (mine !== turn) return;
  if (!page || !show(page, address, push)) location.assign(address);
}

// text, level (success, info, error, waiting), undo: the address that takes it back.
function say(text, level, undo = null) {
  const note = document.createElement("div");
  note.className = `message ${level}`;
  note.setAttribute("role", level === "error" ? "alert" : "status");
  const words = document.createElement("span");
  words.textContent = text;
  note.append(words);
  if (undo) note.append(undoForm(undo));
  document.getElementById("messages").replaceChildren(note);
}

function undoForm(address) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = address;
  form.dataset.undo = "";
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  for (const [name, value] of [["csrfmiddlewaretoken", token], ["from", location.pathname + location.search]]) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    form.append(field);
  }
  const button = document.createElement("button");
  button.className = "link";
  button.innerHTML = "Undo <kbd>z</kbd>";
  form.append(button);
  return form;
}

// One at a time: a second verdict waits until the first is recorded, and is dropped where that failed, for then the
// first one's page is back. Returns whether the server took it. next: the address that is likely to come.
export async function send(form, button, next = null) {
  if (sending && !(await sending)) return false;
  sending = deliver(form, button, next);
  const taken = await sending;
  sending = null;
  return taken;
}

// Resolves when nothing is on its way to the server.
export const settled = () => sending ?? Promise.resolve(true);

async function deliver(form, button, next) {
  const body = new FormData(form, button);
  const before = { main: document.getElementById("main"), title: document.title, address: location.href };
  // It is sent to the end even if the browser leaves the page.
  const posted = fetch(form.action, { method: "POST", body, headers: { "X-Fragment": "1" }, keepalive: true }).catch(() => null);
  const page = next && takeReady(next);
  const shown = Boolean(page && show(page, next, true, true));
  if (shown) { turn += 1; say("Recording…", "waiting"); }
  const answer = await posted;
  if (answer?.ok && !answer.redirected) {
    await arrive(await answer.json(), shown ? next : null);
    if (shown) forgetPlot(before.main);
    return true;
  }
  if (shown) comeBack(before);
  await refuse(answer);
  return false;
}

async function arrive({ next, said, level, undo }, shown) {
  if (!shown || !same(next, shown)) await visit(next, { fresh: true, push: !shown });
  if (said) say(said, level, undo);
}

function comeBack(before) {
  const gone = document.getElementById("main");
  gone.replaceWith(before.main);
  forgetPlot(gone);
  history.replaceState(null, "", before.address);
  settle(before.main, before.title, before.address, false);
}

async function refuse(answer) {
  if (!answer) {
    say("The server does not answer, so nothing was recorded. What you typed is still here; try again.", "error");
  } else if (answer.redirected) {
    // A session that ran out: to the login and back to this page, where the comment's draft waits.
    location.assign(`${new URL(answer.url).pathname}?next=${encodeURIComponent(location.pathname + location.search)}`);
  } else if (!show(parsed(await answer.text()), location.href, false)) {
    say(`Not recorded: the server refused it (${answer.status}). Reload and try again.`, "error");
  }
}

window.addEventListener("popstate", () => visit(location.href, { push: false, fresh: true }));
