// Verdicts by key, the quick classes, drafts that survive a reload, and the prediction that is still to come.
import { onKey } from "./keys.js";

const form = document.getElementById("decide");
const help = document.getElementById("help");
const picker = document.getElementById("class_name");
const RELOAD_MS = 2000;
let sent = false;

const taken = sessionStorage.getItem("sent");
sessionStorage.removeItem("sent");
if (taken && document.querySelector("#messages .message.success")) sessionStorage.removeItem(taken);

function press(key) {
  const target = document.querySelector(`[data-key="${key}"]`);
  if (target) target.click();
  return Boolean(target);
}

onKey((key) => {
  if (key === "?") { help.showModal(); return true; }
  if (key === "o" && picker) { picker.focus(); return true; }
  if (key === "z") {
    const undo = document.querySelector("[data-undo]") ?? document.querySelector("[data-undo-last]");
    if (undo) undo.requestSubmit();
    return Boolean(undo);
  }
  if (/^[1-9]$/.test(key)) return chooseQuick(Number(key));
  return "cubnp".includes(key) && press(key);
});

function override(name) {
  picker.value = name;
  form.requestSubmit(form.querySelector('[data-key="o"]'));
}

function chooseQuick(number) {
  const button = document.querySelectorAll(".quick [data-class]")[number - 1];
  if (button) override(button.dataset.class);
  return Boolean(button);
}

if (form) {
  const quick = form.querySelector(".quick");
  if (quick) {
    quick.hidden = false;
    quick.addEventListener("click", (event) => {
      const button = event.target.closest("[data-class]");
      if (button) override(button.dataset.class);
    });
  }
  // Enter in the picker means override, not the form's first button.
  picker.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (picker.value.trim()) form.requestSubmit(form.querySelector('[data-key="o"]'));
    }
    if (event.key === "Escape") picker.blur();
  });
  // A double click or a second key decides once.
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
    // The draft goes when the next page says that the decision was taken.
    sessionStorage.setItem("sent", draftKey);
  });
  window.addEventListener("pageshow", () => { sent = false; });
  const draftKey = `draft:${location.pathname}`;
  const comment = form.querySelector("textarea");
  comment.value ||= sessionStorage.getItem(draftKey) ?? "";
  comment.addEventListener("input", () => sessionStorage.setItem(draftKey, comment.value));
}

// Not while somebody types.
function reload() {
  const typed = form && [...form.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value);
  if (typed) setTimeout(reload, RELOAD_MS);
  else location.reload();
}
if (document.querySelector("[data-reload]")) setTimeout(reload, RELOAD_MS);
