// The search in the header: transients by any name, and the desk's pages, while somebody types.
import { onKey } from "./keys.js";

const WAIT_MS = 120;
const form = document.getElementById("search");
const input = form.elements.q;
const list = document.getElementById("search-hits");
let timer = 0;
let asked = 0;
let at = -1;
// The text that the listed hits belong to.
let found = "";

const items = () => [...list.querySelectorAll("[data-address]")];

// The links of the menu are what the desk has to offer besides transients.
function pages(text) {
  const links = [...document.querySelectorAll(".bar .menu a")];
  return links.filter((link) => link.textContent.toLowerCase().includes(text.toLowerCase()))
    .map((link) => ({ name: link.textContent.trim(), note: "page", address: link.href }));
}

function mark(next) {
  const all = items();
  at = all.length ? (next + all.length) % all.length : -1;
  all.forEach((item, number) => item.setAttribute("aria-selected", number === at ? "true" : "false"));
  if (at >= 0) input.setAttribute("aria-activedescendant", all[at].id);
  else input.removeAttribute("aria-activedescendant");
}

// said: how the text was understood, which stands below the hits and cannot be chosen.
function show(hits, said = "") {
  list.replaceChildren(...hits.map(({ name, note, address }, number) => {
    const item = document.createElement("li");
    item.id = `search-hit-${number}`;
    item.setAttribute("role", "option");
    item.dataset.address = address;
    const words = document.createElement("span");
    words.className = "muted";
    words.textContent = note;
    item.append(name, words);
    return item;
  }));
  if (said) {
    const note = document.createElement("li");
    note.className = "muted";
    note.setAttribute("role", "option");
    note.setAttribute("aria-disabled", "true");
    note.textContent = said;
    list.append(note);
  }
  list.hidden = !list.children.length;
  input.setAttribute("aria-expanded", list.hidden ? "false" : "true");
  mark(hits.length ? 0 : -1);
}

async function look() {
  const text = input.value.trim();
  const mine = ++asked;
  if (!text) { show([]); return; }
  const answer = await fetch(`${form.action}?${new URLSearchParams({ q: text })}`, { headers: { "X-Fragment": "1" } }).catch(() => null);
  if (mine !== asked) return;
  const { hits, said } = answer?.ok && !answer.redirected ? await answer.json() : { hits: [], said: "" };
  if (mine !== asked) return;
  found = text;
  const notes = ({ also, class_name: name, state }) => [also, name, state].filter(Boolean).join(" · ");
  const here = pages(text);
  const all = [...hits.map((hit) => ({ name: hit.name, note: notes(hit), address: hit.address })), ...here];
  show(all, hits.length || !here.length ? said : "");
}

function close() {
  clearTimeout(timer);
  asked += 1;
  show([]);
}

function open(event) {
  event.preventDefault();
  input.focus();
  input.select();
}

input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, WAIT_MS); });
input.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { close(); input.value = ""; input.blur(); } else if (!items().length) return;
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") mark(at + (event.key === "ArrowDown" ? 1 : -1));
  // Whoever types on and presses Enter before the hits come means what is typed; the form finds it.
  else if (event.key === "Enter" && found === input.value.trim()) location.assign(items()[at].dataset.address);
  else return;
  event.preventDefault();
});
// The field keeps the focus until the click, because the list closes with it.
list.addEventListener("mousedown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const item = event.target.closest("[data-address]");
  if (item) location.assign(item.dataset.address);
});
input.addEventListener("blur", close);
onKey((key, event) => { if (key === "/") open(event); return false; });
document.addEventListener("keydown", (event) => { if (event.key === "k" && (event.ctrlKey || event.metaKey)) open(event); });
