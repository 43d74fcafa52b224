// The review page: verdicts by key, quick choices of a class, drafts of comment and redshift that survive a reload, a reload
// when the prediction is awaited, and the next transient fetched ahead.
import { hint } from "./hint.js";
import { onKey } from "./keys.js";
import { startLeft } from "./left.js";
import { startLookalikes } from "./lookalikes.js";
import { openPalette } from "./palette.js";
import { startPhotometry } from "./photometry.js";
import { shownRedshift, showAtRedshift, startPlot } from "./plot.js";
import { plotAhead } from "./plot_ahead.js";
import { awaitSpectrum, isSeen } from "./seen.js";
import { fetchAhead, send, settled, visit } from "./swap.js";

const RELOAD_MS = 2000;
const DROPPED = "This spectrum has only just appeared, so that verdict was dropped. Give it again if you mean it.";
// Fields of the form that a key leads to. Their text is kept as a draft until the decision is recorded.
const FIELDS = { r: "redshift", m: "comment" };
let form = null;
let sent = null;
let waiting = 0;
// The page and the spectrum on it.
let shown = "";

const draftKey = (name) => `draft:${location.pathname}:${name}`;

function press(key) {
  const target = document.querySelector(`[data-key="${key}"]`);
  if (target) target.click();
  return Boolean(target);
}

// A busy browser may hand over a key long after it was pressed, so the moment of pressing counts.
onKey((key, event) => {
  if (key === "?") { document.getElementById("help").showModal(); return true; }
  if (form && locked() && /^[cubo0-9]$/.test(key)) { hint("Somebody else is reviewing this transient, so that key did nothing."); return true; }
  if (key === "o" && form) { choose(); return true; }
  if (key === "z") { takeBack(); return true; }
  if (form && FIELDS[key]) { form[FIELDS[key]].focus(); form[FIELDS[key]].select(); return true; }
  if (form && /^[cub0-9]$/.test(key) && !isSeen(event.timeStamp)) { hint(DROPPED); return true; }
  const taken = /^[0-9]$/.test(key) ? chooseQuick(Number(key)) : "cubnpq".includes(key) && press(key);
  if (taken || !/^[c0-9]$/.test(key) || !form?.querySelector(".verdicts.blind")) return taken;
  hint("Your own vote is wanted first: o names the class.");
  return true;
});

// A verdict that is still on its way to the server must be recorded before it can be undone.
async function takeBack() {
  await settled();
  (document.querySelector("[data-undo]") ?? document.querySelector("[data-undo-last]"))?.requestSubmit();
}

// While another reviewer holds the claim, this one cannot decide.
const locked = () => form.querySelector(".verdicts").disabled;

function override(name) {
  if (locked()) return;
  form.class_name.value = name;
  form.requestSubmit(form.querySelector('[data-key="o"]'));
}

// The palette begins with the classes that the number keys choose; the predicted class would be no override.
function choose() {
  if (locked()) return;
  const likely = [...document.querySelectorAll(".quick [data-class]")].map((button) => button.dataset.class);
  openPalette(document.getElementById("palette"), form.class_name.list.options, override, likely.slice(0, 3));
}

// Phones show the two most frequent verdicts in a bar; the others are behind a button.
function startBar() {
  const other = form.querySelector("[data-palette]");
  const more = form.querySelector("[data-more]");
  other.hidden = more.hidden = false;
  other.addEventListener("click", choose);
  more.addEventListener("click", () => {
    const open = more.getAttribute("aria-expanded") !== "true";
    more.setAttribute("aria-expanded", open ? "true" : "false");
  });
}

function chooseQuick(number) {
  const button = [...document.querySelectorAll(".quick [data-class]")].find((one) => Number(one.querySelector("kbd").textContent) === number);
  if (button) override(button.dataset.class);
  return Boolean(button);
}

function startForm() {
  form = document.getElementById("decide");
  if (!form || form.started) return;
  form.started = true;
  startBar();
  const quick = form.querySelector(".quick");
  if (quick) quick.hidden = false;
  quick?.addEventListener("click", (event) => {
    const button = event.target.closest("[data-class]");
    if (button) override(button.dataset.class);
  });
  // Enter in this field overrides; the browser would press the form's first button.
  form.class_name.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (form.class_name.value.trim()) form.requestSubmit(form.querySelector('[data-key="o"]'));
    }
    if (event.key === "Escape") form.class_name.blur();
  });
  for (const name of Object.values(FIELDS)) startDraft(name);
  startRedshift();
}

function startDraft(name) {
  const field = form[name];
  leaveBy(field);
  field.value ||= sessionStorage.getItem(draftKey(name)) ?? "";
  field.addEventListener("input", () => sessionStorage.setItem(draftKey(name), field.value));
}

// Enter and Esc leave a field, so that the keys work again. Shift and Enter begin a new line of a comment.
function leaveBy(field) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" && (event.key !== "Enter" || event.shiftKey)) return;
    event.preventDefault();
    field.blur();
  });
}

// The redshift of the decision and that of the plot are taken over from each other.
function startRedshift() {
  const field = form.redshift;
  const moves = form.querySelector(".redshift-moves");
  if (!document.getElementById("plot")) return;
  moves.hidden = false;
  moves.querySelector("[data-take-z]").addEventListener("click", () => {
    field.value = shownRedshift()?.toFixed(5) ?? "";
    field.dispatchEvent(new Event("input"));
  });
  moves.querySelector("[data-show-z]").addEventListener("click", () => { if (field.value) showAtRedshift(field.value.replace(",", ".")); });
}

// Reload the page, but not while a form has something typed into it.
function reload() {
  const fields = document.querySelectorAll("#decide :is(input:not([type=hidden]), textarea), .comments textarea");
  const typed = [...fields].some((field) => field.value);
  if (typed) waiting = setTimeout(reload, RELOAD_MS);
  else visit(location.href, { push: false, fresh: true });
}

// Fetch and draw the next page, when nothing else is asked of the server.
async function lookAhead() {
  await settled();
  const next = document.querySelector('[data-key="n"]');
  const page = next && await fetchAhead(next.href);
  if (page) await plotAhead(page);
  startLeft();
}

function start() {
  clearTimeout(waiting);
  const plot = document.getElementById("plot");
  // A page that waits for its prediction comes again with the same spectrum.
  const here = `${location.pathname} ${plot?.dataset.spectrum}`;
  if (here !== shown) awaitSpectrum(!plot || Boolean(plot.figure));
  shown = here;
  startPlot();
  startForm();
  startLookalikes();
  startPhotometry();
  if (document.querySelector("[data-reload]")) waiting = setTimeout(reload, RELOAD_MS);
  if (!plot) lookAhead();
}

// A form is sent once, so that a double click or a second key does not decide twice. If sending failed, it may be sent again.
document.addEventListener("submit", async (event) => {
  const target = event.target;
  if (!target.matches("#decide, [data-undo], [data-undo-last], [data-swap]")) return;
  event.preventDefault();
  if (sent === target) return;
  const deciding = target.id === "decide";
  if (deciding && !isSeen()) {
    hint(DROPPED);
    return;
  }
  sent = target;
  const drafts = Object.values(FIELDS).map(draftKey);
  try {
    const next = deciding ? document.querySelector('[data-key="n"]')?.href : null;
    const taken = await send(target, event.submitter, next);
    if (taken && deciding) for (const draft of drafts) sessionStorage.removeItem(draft);
  } finally {
    if (sent === target) sent = null;
  }
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-visit]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  visit(link.href);
});
document.addEventListener("plotdrawn", lookAhead);
document.addEventListener("pagechange", start);
start();
