// Goes from one review page to the next without loading the scripts again. The next page is fetched ahead and shown in
// place of this one; it gets its own address and its own entry in the browser's history. A verdict shows the next page at
// once and is recorded meanwhile. If the server refuses the verdict, the page comes back as it was. Without this script,
// links and forms do the same, only slower.
import { forgetLeft } from "./left.js";
import { forgetPlot } from "./plot.js";

const ahead = new Map();
const MOST_AHEAD = 6;
// Somebody else may have decided on a transient whose page was fetched longer ago than this.
const FRESH_MS = 120_000;
let turn = 0;
let sending = null;

const parsed = (html) => new DOMParser().parseFromString(html, "text/html");
const same = (one, other) => new URL(one, location.href).href === new URL(other, location.href).href;

// Resolves to the parsed page, or to null if there is none.
export function fetchAhead(address) {
  const kept = ahead.get(address);
  if (kept && performance.now() - kept.at < FRESH_MS) return kept.wanted;
  const entry = { at: performance.now(), page: null, wanted: null };
  // The header keeps the server from claiming the transient; static/js/claim.js claims it when the page is shown.
  entry.wanted = fetch(address, { headers: { "X-Ahead": "1" } }).then((answer) => (answer.ok && !answer.redirected ? answer.text() : null))
    .then((html) => { entry.page = html && parsed(html); return entry.page; }).catch(() => null);
  ahead.set(address, entry);
  while (ahead.size > MOST_AHEAD) ahead.delete(ahead.keys().next().value);
  return entry.wanted;
}

// Returns a page that can be shown at once, or null. A page is taken only once, because it soon grows old.
function takeReady(address) {
  const entry = ahead.get(address);
  if (!entry?.page || performance.now() - entry.at > FRESH_MS) return null;
  ahead.delete(address);
  return entry.page;
}

// Show a page in place of the current one. push: add it to the browser's history. keep: the current page may come back.
// Returns whether it could be shown.
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
  // Pages other than review pages are loaded by the browser. Fetching one first would use up the message that it shows.
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

// Show a message above the page. level: success, info, error or waiting. undo: address that takes the decision back, or
// null if nothing can be undone.
function say(text, level, undo = null) {
  const note = document.createElement("div");
  note.className = `message ${level}`;
  note.setAttribute("role", level === "error" ? "alert" : "status");
  const words = document.createElement("span");
  words.textContent = text;
  note.append(words);
  if (undo) note.append(undoForm(undo));
  document.getElementById("messages").replaceChildren(note);
  // Bad news stands above the page, which may be scrolled.
  if (level === "error") note.scrollIntoView({ block: "nearest" });
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

// Send a form; resolves to whether the server accepted it. next: address of the page that will probably follow. Forms are
// sent one at a time: a second verdict waits until the first is recorded. If the first one fails, its page comes back and
// the second verdict is dropped.
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
  // First send() notes that this is on its way, because the page that is shown next waits for it.
  await null;
  // keepalive: the form is sent to the end even if the browser leaves the page.
  const posted = fetch(form.action, { method: "POST", body, headers: { "X-Fragment": "1" }, keepalive: true }).catch(() => null);
  const page = next && takeReady(next);
  const shown = Boolean(page && show(page, next, true, true));
  if (shown) { turn += 1; say("Recording…", "waiting"); }
  const answer = await posted;
  if (answer?.ok && !answer.redirected) {
    forgetLeft();
    await arrive(await answer.json(), shown ? next : null);
    if (shown) forgetPlot(before.main);
    return true;
  }
  if (shown) comeBack(before);
  await refuse(answer);
  return false;
}

async function arrive({ next, message, level, undo }, shown) {
  if (!shown || !same(next, shown)) await visit(next, { fresh: true, push: !shown });
  if (message) say(message, level, undo);
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
    say("The server does not answer, so nothing was recorded. Your input is still here; try again.", "error");
  } else if (answer.redirected) {
    // The session has run out. The login leads back to this page, which still has the drafts of the form.
    location.assign(`${new URL(answer.url).pathname}?next=${encodeURIComponent(location.pathname + location.search)}`);
  } else if (!show(parsed(await answer.text()), location.href, false)) {
    say(`Not recorded: the server answered with an error (${answer.status}). Reload the page and try again.`, "error");
  }
}

window.addEventListener("popstate", () => visit(location.href, { push: false, fresh: true }));
