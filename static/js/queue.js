// The queue: keys, counts that follow the desk, and fresh rows when the counts change.
import { onKey } from "./keys.js";

const rows = document.getElementById("rows");
const counts = document.querySelector("[data-counts]");
const POLL_MS = 4000;
let numbers = null;

const items = () => [...rows.querySelectorAll(".row")];
// The row that somebody reached by key.
const reached = () => rows.querySelector(".row.at");

function move(step) {
  const all = items();
  if (!all.length) return;
  const now = all.findIndex((row) => row.classList.contains("at"));
  const next = all[Math.min(Math.max(now + step, 0), all.length - 1)];
  all.forEach((row) => row.classList.toggle("at", row === next));
  next.querySelector("a").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

onKey((key) => {
  if (key === "?") { document.getElementById("help").showModal(); return true; }
  if (key === "j" || key === "k") { move(key === "j" ? 1 : -1); return true; }
  if (key === "Enter" && !document.activeElement.closest("a, button, summary")) {
    (reached() ?? items()[0])?.querySelector("a").click();
    return true;
  }
  return false;
});

document.querySelectorAll("[data-submit]").forEach((field) => {
  field.addEventListener("change", () => field.form.submit());
});

async function refreshRows() {
  if (reached()) return;
  const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = await answer.text();
  // A row must keep its place, also if it was reached while the fresh rows were on their way.
  if (!reached()) rows.innerHTML = fresh;
}

// Returns whether any number differs from the one on the page.
function showNumbers(now) {
  const old = [...counts.querySelectorAll("[data-count]")].filter((field) => Number(field.textContent) !== now[field.dataset.count]);
  for (const field of old) {
    const value = now[field.dataset.count];
    field.textContent = value;
    field.parentElement.classList.toggle("zero", value === 0);
  }
  return old.length > 0;
}

async function poll() {
  try {
    if (!document.hidden) {
      const answer = await fetch(counts.dataset.counts);
      if (answer.ok && !answer.redirected) {
        numbers = await answer.json();
        if (showNumbers(numbers)) await refreshRows();
      }
    }
  } catch { /* the server does not answer for a moment; ask again later */ }
  setTimeout(poll, numbers?.processing ? POLL_MS / 4 : POLL_MS);
}
if (counts) poll();
