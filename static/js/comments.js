// Comments on the review page: a key that leads to the thread, a draft in it that survives a reload or a verdict, and names that
// are offered after an @, there and in the comment of a verdict.
import { onKey } from "./keys.js";

const MOST_OFFERED = 6;
// An @ and the beginning of a name, right before the cursor.
const BEGUN = /(?<![\w.@+-])@([\w.@+-]*)$/u;

const place = () => document.querySelector(".comments");
const field = () => place()?.querySelector("textarea");
const draftKey = () => `comment:${location.pathname}`;

function open() {
  if (!place()) return false;
  place().open = true;
  field().focus();
  field().scrollIntoView({ block: "center" });
  return true;
}

const begun = (text) => BEGUN.exec(text.value.slice(0, text.selectionStart))?.[1];

function insert(text, name) {
  const end = text.selectionStart;
  text.setRangeText(`${name} `, end - begun(text).length, end, "end");
  text.focus();
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

// The names are buttons under the text, so that Tab and Enter choose one.
function offer(text) {
  const typed = begun(text)?.toLowerCase();
  const names = typed === undefined ? [] : [...document.querySelectorAll("#names option")].map((option) => option.value)
    .filter((name) => name.toLowerCase().startsWith(typed)).slice(0, MOST_OFFERED);
  const box = text.form.querySelector("[data-names]");
  box.replaceChildren(...names.map((name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = `@${name}`;
    button.addEventListener("click", () => insert(text, name));
    return button;
  }));
  box.hidden = !names.length;
}

document.addEventListener("input", (event) => {
  if (event.target === field()) sessionStorage.setItem(draftKey(), field().value);
  if (event.target.matches("[data-mentions]")) offer(event.target);
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && event.target === field()) field().blur(); });
onKey((key) => key === "w" && open());

const linked = () => (location.hash.startsWith("#comment-") ? document.querySelector(location.hash) : null);

function start() {
  if (!field()) return;
  if (linked()) place().open = true;
  const draft = sessionStorage.getItem(draftKey()) ?? "";
  // The server leads to the comment when it has stored it.
  if (draft.trim() === linked()?.querySelector(".typed")?.textContent) sessionStorage.removeItem(draftKey());
  else field().value ||= draft;
}
document.addEventListener("pagechange", start);
// The plot pushes down what stands below it.
document.addEventListener("plotdrawn", () => linked()?.scrollIntoView({ block: "center" }), { once: true });
start();
