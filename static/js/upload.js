// The upload page. Files that were chosen or dropped wait for the button, so that the user can first fill in what is known
// about them. Then they are sent through the API, three at a time. Each gets a card with its progress, its receipt and, a
// moment later, its prediction.
import { droppedFiles } from "./dropped_files.js";
import { showManifest, unmatched } from "./manifest.js";
import { counted, element, inWords, named, sentence } from "./upload_parts.js";

const form = document.getElementById("upload");
const drop = document.getElementById("drop");
const input = document.getElementById("files");
const results = document.getElementById("results");
const AT_ONCE = 3;
// A file may hold many spectra; so many are listed.
const OTHERS_SHOWN = 30;
const MANIFEST = /^manifest\.csv$/i;
const FACTS = ["transient", "redshift", "instrument", "ra", "dec", "observed_at", "comment"];
const waiting = [];
let running = 0;
// Id of the upload that the files belong to, or null before it has begun. What is sent later from this page joins it.
let batch = null;
let beginning = null;
// What the form said of the files that were sent last, or null once one of them was accepted.
let lastSent = null;
const tally = { files: 0, done: 0, spectra: 0, named: 0, known: 0, refused: 0 };
const summary = element("p", "summary-line muted");

function showTally() {
  if (!summary.isConnected) results.prepend(summary);
  const open = tally.files - tally.done - tally.refused;
  const parts = [`${counted(tally.spectra, "spectrum", "spectra")} of ${counted(tally.done, "file")} accepted`];
  if (tally.known) parts.push(`${tally.known} known already`);
  if (tally.refused) parts.push(`${counted(tally.refused, "file")} refused`);
  if (open) parts.push(`${open} to go`);
  summary.textContent = `${parts.join(", ")}. `;
  if (open || !tally.done) return;
  const unnamed = tally.spectra - tally.named;
  if (tally.named) summary.append(linkTo(form.dataset.queue + (batch ? `?state=all&upload=${batch}` : ""), "Review these"), " ");
  if (unnamed) summary.append(linkTo(form.dataset.unnamed, tally.named ? `Name the other ${unnamed}` : "Name these"));
}

// Begin an upload, once. Its address takes the place of this page's, so that a reload shows what came of the files. Without
// an answer, the files are sent all the same.
async function begin() {
  beginning ??= fetch(form.dataset.uploads, { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => null);
  const answer = await beginning;
  if (batch) return;
  if (!answer?.ok || answer.redirected) { beginning = null; return; }
  batch = (await answer.clone().json()).id;
  history.replaceState(null, "", `${form.dataset.results}${batch}/`);
}

// Returns what the form says of files that are sent now: facts that were typed, and who may see the files.
function stated() {
  const said = { group: form.elements.group.value };
  for (const name of FACTS) {
    const typed = form.elements[name].value.trim();
    if (typed) said[name] = typed;
  }
  if (said.redshift) said.redshift = said.redshift.replace(",", ".");
  if (said.observed_at) said.observed_at += "Z";
  return said;
}

// Facts of files that were accepted must not hold for the next ones. What was typed since then stays.
function clearFacts(sent) {
  if (sent !== lastSent) return;
  lastSent = null;
  const now = stated();
  for (const name of FACTS) if (now[name] === sent[name]) form.elements[name].value = "";
}

function add(files, manifest) {
  const facts = lastSent = stated();
  for (const file of files) {
    const card = element("article", "panel result");
    card.append(named("h3", file.name), element("p", "muted", "waits to be sent…"));
    results.append(card);
    waiting.push({ file, card, manifest, facts });
    tally.files += 1;
  }
  showTally();
  pump();
}

function pump() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift()).finally(() => { running -= 1; pump(); });
  }
}

// The token comes from the cookie, because a new login in another tab renews it.
function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie?.slice("csrftoken=".length) ?? form.elements.csrfmiddlewaretoken.value;
}

function send(item) {
  const { file, card, manifest, facts } = item;
  const progress = element("progress");
  progress.max = 1; progress.value = 0;
  progress.setAttribute("aria-label", `sending ${file.name}`);
  card.lastChild.replaceWith(progress);
  const body = new FormData();
  body.append("file", file);
  if (manifest) body.append("manifest", manifest);
  if (batch) body.append("upload", batch);
  for (const [name, value] of Object.entries(facts)) body.append(name, value);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.dataset.api);
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.responseType = "json";
    request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) progress.value = e.loaded / e.total; });
    request.addEventListener("loadend", () => {
      progress.remove();
      if (request.status === 200 || request.status === 202) taken(item, request.response, request.status === 200);
      else refused(item, request.status, request.response);
      showTally();
      resolve();
    });
    request.send(body);
  });
}

function taken({ card, facts }, answer, known) {
  tally.done += 1;
  clearFacts(facts);
  const spectra = [answer, ...(answer.others ?? [])];
  tally.spectra += spectra.length;
  tally.named += spectra.filter((one) => one.transient !== null).length;
  if (known) tally.known += 1;
  const others = answer.others ?? [];
  if (others.length) card.classList.add("several");
  // What an archive's manifest left open concerns the whole archive.
  for (const warning of answer.receipt.warnings.filter((one) => one.code === "manifest_partly_used")) {
    card.append(element("p", "warn", sentence(warning.message)));
  }
  const box = element("div"), first = spectrumLine(answer, others.length);
  if (known) first.append(" ", element("span", "tag", "known already"));
  box.append(first);
  showNaming(box, first, answer);
  showDifferences(box, answer);
  for (const note of answer.notes ?? []) box.append(element("p", "warn", sentence(note)));
  box.append(readingOf(answer.id));
  card.append(box);
  for (const other of others.slice(0, OTHERS_SHOWN)) {
    const part = element("div");
    part.append(spectrumLine(other, others.length), readingOf(other.id));
    card.append(part);
  }
  if (others.length <= OTHERS_SHOWN) return;
  const all = batch ? `${form.dataset.results}${batch}/` : form.dataset.queue;
  card.append(linkTo(all, `and ${others.length - OTHERS_SHOWN} more spectra`));
}

// Returns a link to a spectrum's transient, or a tag and a link to name it.
function transientOf(spectrum) {
  const place = element("span");
  if (spectrum.transient === null) {
    const link = linkTo(`${form.dataset.receipts}${spectrum.id}/#name`, spectrum.part ?? "name it");
    place.append(element("span", "tag bad", "unnamed"), " ", link);
    return place;
  }
  const link = named("a", spectrum.transient);
  // The page of a copy's transient opens on the original.
  const shown = spectrum.likely_duplicate_of === null ? `?spectrum=${spectrum.id}` : "";
  link.href = `/transients/${encodeURIComponent(spectrum.transient)}/${shown}`;
  if (spectrum.part) link.title = spectrum.part;
  place.append(link);
  return place;
}

// Asks whether what was sent with a known file shall replace what is recorded.
function showDifferences(card, answer) {
  const entries = Object.entries(answer.differences ?? {});
  if (!entries.length) return;
  const box = element("div", "naming");
  const shown = (value) => (value === null || value === "" ? "unknown" : `${value}`);
  for (const [name, [stored, sent]] of entries) {
    box.append(element("span", "", sentence(`${inWords(name)}: ${shown(stored)} is recorded, you sent ${shown(sent)}`)));
  }
  const button = element("button", "", "Use what I sent");
  button.type = "button";
  button.addEventListener("click", async () => {
    const sent = Object.fromEntries(entries.map(([name, [, value]]) => [name, value]));
    const { transient, ...facts } = sent;
    const ask = (address, method, body) => fetch(`${form.dataset.api}${answer.id}/${address}`, {
      method, headers: { "X-CSRFToken": csrfToken(), "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const answers = [];
    if (transient !== undefined) answers.push(await ask("move/", "POST", { transient }));
    if (Object.keys(facts).length) answers.push(await ask("", "PATCH", facts));
    const failed = answers.find((one) => !one.ok);
    const said = failed ? await failed.json().catch(() => ({})) : {};
    box.replaceChildren(element("span", failed ? "warn" : "muted", failed ? sentence(said.detail ?? "that failed") : "Corrected."));
  });
  box.append(button);
  card.append(box);
}

// Shows what the user should know or say about a spectrum's name: asks for a missing one, and for a no to a guessed one.
function showNaming(card, line, spectrum) {
  card.querySelector(".naming")?.remove();
  const box = element("div", "naming");
  line.after(box);
  const move = async (name) => {
    const answer = await fetch(`${form.dataset.api}${spectrum.id}/move/`, {
      method: "POST",
      headers: { "X-CSRFToken": csrfToken(), "Content-Type": "application/json" },
      body: JSON.stringify({ transient: name }),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      box.querySelector(".warn")?.remove();
      box.append(element("p", "warn", sentence(said.detail ?? "the server could not take the name")));
      return;
    }
    tally.named += Number(said.transient !== null) - Number(spectrum.transient !== null);
    showTally();
    Object.assign(spectrum, said);
    line.firstChild.replaceWith(transientOf(spectrum));
    showNaming(card, line, spectrum);
  };
  const button = (words, name) => {
    const made = element("button", "link", words);
    made.type = "button";
    made.addEventListener("click", () => move(name));
    return made;
  };
  const { named_by: by, epochs, suggestions } = spectrum.naming;
  if (spectrum.transient === null) {
    const asked = element("form", "name-form");
    const field = element("input");
    field.required = true; field.maxLength = 120;
    field.setAttribute("aria-label", "Which transient is this?");
    field.placeholder = "Which transient is this?";
    asked.append(field, element("button", "", "Name it"));
    asked.addEventListener("submit", (event) => { event.preventDefault(); move(field.value); });
    box.append(asked);
    for (const { name, why } of suggestions) box.append(button(name, name), element("small", "muted", ` ${why} `));
  } else if (by === "file_name") {
    const guess = epochs > 1 ? `joins ${spectrum.transient}, ${counted(epochs, "epoch")}` : "new";
    box.append(element("span", "muted", `${guess} (by the file’s name) `), button("Not this one", null));
  } else if (epochs > 1) {
    box.append(element("span", "muted", `joins ${spectrum.transient}, ${counted(epochs, "epoch")}`));
  }
}

// Returns a line with a spectrum's transient and, when it is known, its class. others: number of others in its file.
function spectrumLine(spectrum, others) {
  const line = element("p");
  const state = element("span", "muted", ` ${inWords(spectrum.state)}…`);
  line.append(transientOf(spectrum));
  const part = spectrum.part ?? spectrum.receipt?.part;
  if (others && part && spectrum.transient !== null) line.append(" ", named("small", part));
  line.append(state);
  watch(spectrum.id, state);
  return line;
}

function refused(item, status, answer) {
  const { card } = item;
  tally.refused += 1;
  card.classList.add("refused");
  // Files that need attention come first.
  summary.after(card);
  const line = element("p");
  if (status === 0) line.append(element("span", "tag bad", "no connection"), " The file did not arrive. ");
  else if (status === 401 || status === 403) line.append(element("span", "tag bad", "not logged in"), " Log in again in another tab, then retry. ");
  else line.append(codeTag(answer?.code ?? `error ${status}`, "refused"), ` ${sentence(answer?.detail ?? "the server could not take it")} `);
  if (answer?.id) {
    line.append("It is kept in quarantine: ", toReceipt(answer.id, "look at it, or correct how it is read"), ".");
  } else if (!status || status === 401 || status === 403 || status === 429 || status >= 500) {
    const retry = element("button", "link", "Try again");
    retry.type = "button";
    retry.addEventListener("click", () => {
      tally.refused -= 1; card.classList.remove("refused"); line.remove();
      card.append(element("p", "muted", "waits to be sent…"));
      waiting.push(item); pump();
    });
    line.append(retry);
  }
  card.append(line);
}

function codeTag(code, words = inWords(code)) {
  const tag = element("span", "tag bad", words);
  tag.title = code;
  return tag;
}

function linkTo(address, words) {
  const link = element("a", "", words);
  link.href = address;
  return link;
}

const toReceipt = (id, words) => linkTo(`${form.dataset.receipts}${id}/#correct`, words);

// As on the other pages, a probability is never rounded up to a certainty.
const percent = (value) => (value > 0.995 ? "> 99 %" : `${Math.round(100 * value)} %`);

// Returns what is recorded of a spectrum and how it was read, as the results show it after a reload.
function readingOf(id) {
  const box = element("div");
  fetch(`${form.dataset.receipts}${id}/`, { headers: { "X-Fragment": "1" } })
    .then((answer) => (answer.ok && !answer.redirected ? answer.text() : Promise.reject(answer)))
    .then((said) => { box.innerHTML = said; })
    .catch(() => box.append(toReceipt(id, "How this file was read")));
  return box;
}

async function watch(id, place, tries = 0) {
  try {
    const answer = await fetch(`${form.dataset.api}${id}/`);
    if (answer.ok) {
      const spectrum = await answer.json();
      if (spectrum.state !== "queued") {
        place.textContent = "";
        if (spectrum.prediction) {
          place.className = "";
          place.textContent = ` ${spectrum.prediction.class_name}, ${percent(spectrum.prediction.probability)}`;
          if (spectrum.misfit) place.closest("p").after(element("p", "warn", `${sentence(spectrum.misfit)} Is it the right transient?`));
        } else {
          place.closest(".result").classList.add("refused");
          place.append(" ", codeTag(spectrum.error?.code ?? spectrum.state), ` ${sentence(spectrum.error?.message ?? "")}`);
        }
        return;
      }
    }
  } catch { /* ask again */ }
  setTimeout(() => watch(id, place, tries + 1), Math.min(700 + 150 * tries, 5000));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!input.files.length) { input.click(); return; }
  const files = [...input.files];
  const manifest = manifestOf(files);
  const spectra = files.filter((file) => !MANIFEST.test(file.name));
  if (!spectra.length) return;
  input.value = "";
  showChosen();
  await begin();
  if (manifest) await showUnmatched(manifest, spectra);
  add(spectra, manifest);
});

// Says what of a manifest and the files does not match, among the results and in the upload that keeps them.
async function showUnmatched(manifest, spectra) {
  const names = spectra.map((file) => file.name);
  const said = await unmatched(manifest, names, form.dataset.manifests, csrfToken(), batch);
  if (!said) return;
  const card = element("article", "panel result");
  card.append(named("h3", manifest.name), element("p", "warn", sentence(said)));
  results.append(card);
}

function showChosen(unread = []) {
  const chosen = document.getElementById("chosen");
  const spectra = [...input.files].filter((file) => !MANIFEST.test(file.name));
  const count = spectra.length;
  chosen.hidden = !input.files.length && !unread.length;
  chosen.textContent = count || !input.files.length
    ? `${counted(count, "file")} chosen: ${spectra.slice(0, 3).map((file) => file.name).join(", ")}${count > 3 ? " …" : ""}`
    : "A manifest alone is no spectrum: choose the files that it describes too";
  if (unread.length) chosen.append(`. Your computer does not let the browser read ${unread.join(", ")}`);
  document.getElementById("send").textContent = count ? `Upload ${counted(count, "file")}` : "Upload";
  const manifest = count ? manifestOf([...input.files]) : null;
  const names = [...input.files].filter((file) => file !== manifest).map((file) => file.name);
  showManifest(manifest, names, form.dataset.manifests, csrfToken());
}

const manifestOf = (files) => files.find((file) => MANIFEST.test(file.name)) ?? null;

input.addEventListener("change", () => showChosen());
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  const { files, unread } = await droppedFiles(event.dataTransfer);
  const all = new DataTransfer();
  for (const file of [...input.files, ...files]) all.items.add(file);
  input.files = all.files;
  showChosen(unread);
});
