// The upload page. Files that were chosen or dropped wait for the button, so that the user can first fill in what is known
// about them. Then they are sent through the API, three at a time. Each gets a card with its progress, its receipt and, a
// moment later, its prediction.

const form = document.getElementById("upload");
const drop = document.getElementById("drop");
const input = document.getElementById("files");
const results = document.getElementById("results");
const AT_ONCE = 3;
// A file may hold many spectra; so many are listed.
const OTHERS_SHOWN = 30;
const MANIFEST = /^manifest\.csv$/i;
const waiting = [];
let running = 0;
// Id of the upload that the files belong to, or null before it has begun. What is sent later from this page joins it.
let batch = null;
let beginning = null;
const tally = { files: 0, done: 0, spectra: 0, named: 0, known: 0, refused: 0 };
const words = JSON.parse(document.getElementById("words").textContent);
// Values that are no known codes, such as names or titles of columns, stay as they are.
const valueInWords = (value) => (Object.hasOwn(words, value) ? words[value] : `${value}`);
const inWords = (code) => words[code] ?? (/^[a-z0-9_]+$/.test(code) ? `${code}`.replaceAll("_", " ") : code);

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const summary = element("p", "summary-line muted");

// Returns an element with a long name, which a narrow card breaks after dashes, dots and underscores.
function named(tag, name) {
  const made = element(tag);
  for (const part of name.split(/(?<=[-_.])/)) made.append(part, element("wbr"));
  return made;
}

const counted = (count, word, many = `${word}s`) => `${count} ${count === 1 ? word : many}`;

function showTally() {
  if (!summary.isConnected) results.prepend(summary);
  const open = tally.files - tally.done - tally.refused;
  const parts = [`${counted(tally.spectra, "spectrum", "spectra")} of ${counted(tally.done, "file")} accepted`];
  if (tally.known) parts.push(`${tally.known} known already`);
  if (tally.refused) parts.push(`${counted(tally.refused, "file")} refused`);
  if (open) parts.push(`${open} to go`);
  summary.textContent = `${parts.join(", ")}. `;
  if (open || !tally.done) return;
  const link = element("a", "", tally.named ? "Review these" : "Name these");
  link.href = !tally.named ? form.dataset.unnamed : form.dataset.queue + (batch ? `?state=all&upload=${batch}` : "");
  summary.append(link);
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

function add(files, manifest) {
  for (const file of files) {
    const card = element("article", "panel result");
    card.append(named("h3", file.name), element("p", "muted", "waits to be sent…"));
    results.append(card);
    waiting.push({ file, card, manifest });
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

function send({ file, card, manifest }) {
  const progress = element("progress");
  progress.max = 1; progress.value = 0;
  progress.setAttribute("aria-label", `sending ${file.name}`);
  card.lastChild.replaceWith(progress);
  const body = new FormData();
  body.append("file", file);
  if (manifest) body.append("manifest", manifest);
  if (batch) body.append("upload", batch);
  for (const name of ["transient", "redshift", "instrument", "ra", "dec", "comment", "group"]) {
    const value = form.elements[name].value.trim();
    if (value) body.append(name, value);
  }
  if (form.elements.observed_at.value) body.append("observed_at", `${form.elements.observed_at.value}Z`);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.dataset.api);
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.responseType = "json";
    request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) progress.value = e.loaded / e.total; });
    request.addEventListener("loadend", () => {
      progress.remove();
      if (request.status === 200 || request.status === 202) taken(card, request.response, request.status === 200);
      else refused({ file, card, manifest }, request.status, request.response);
      showTally();
      resolve();
    });
    request.send(body);
  });
}

function taken(card, answer, known) {
  tally.done += 1;
  const spectra = [answer, ...(answer.others ?? [])];
  tally.spectra += spectra.length;
  tally.named += spectra.filter((one) => one.transient !== null).length;
  if (known) tally.known += 1;
  const first = spectrumLine(answer);
  if (known) first.append(" ", element("span", "tag", "known already"));
  card.append(first);
  showNaming(card, first, answer);
  showDifferences(card, answer);
  for (const note of answer.notes ?? []) card.append(element("p", "warn", `${note[0].toUpperCase()}${note.slice(1)}.`));
  const read = receipt(answer.receipt);
  read.append(toReceipt(answer.id, "Correct a guess"));
  card.append(read);
  const others = answer.others ?? [];
  for (const warning of answer.receipt.warnings ?? []) {
    if (warning.code === "member_not_read") card.append(element("p", "warn", `Not read: ${warning.message}`));
  }
  for (const other of others.slice(0, OTHERS_SHOWN)) card.append(spectrumLine(other));
  if (others.length > OTHERS_SHOWN) card.append(element("p", "muted", `and ${others.length - OTHERS_SHOWN} more spectra`));
}

// Returns a link to a spectrum's transient, or a tag and a link to name it.
function transientOf(spectrum) {
  const place = element("span");
  if (spectrum.transient === null) {
    const link = element("a", "", spectrum.part ?? "name it");
    link.href = `/spectra/${spectrum.id}/#name`;
    place.append(element("span", "tag bad", "unnamed"), " ", link);
    return place;
  }
  const link = named("a", spectrum.transient);
  link.href = `/transients/${encodeURIComponent(spectrum.transient)}/?spectrum=${spectrum.id}`;
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
  for (const [name, [stored, sent]] of entries) box.append(element("span", "", `${inWords(name)}: ${shown(stored)} is recorded, you sent ${shown(sent)}.`));
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

// Returns a line with a spectrum's transient and, when it is known, its class.
function spectrumLine(spectrum) {
  const line = element("p");
  const state = element("span", "muted", ` ${inWords(spectrum.state)}…`);
  line.append(transientOf(spectrum), state);
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

function toReceipt(id, words) {
  const link = element("a", "", words);
  link.href = `/spectra/${id}/#correct`;
  return link;
}

// As on the other pages, a probability is never rounded up to a certainty.
const percent = (value) => (value > 0.995 ? "> 99 %" : `${Math.round(100 * value)} %`);
const capitalised = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
const sentence = (text) => capitalised(/[.!?]$/.test(text) ? text : `${text}.`);

function receipt(content) {
  const box = element("details", "receipt");
  const range = content.wavelength_range;
  const head = `${content.format}, ${content.rows_used} of ${content.rows_read} rows`
    + (range ? `, ${range[0].toFixed(0)}–${range[1].toFixed(0)} Å` : "");
  box.append(element("summary", "", head));
  const list = element("ul");
  for (const guess of content.guesses ?? []) {
    const value = typeof guess.value === "object" ? Object.entries(guess.value).map(([key, value]) => `${inWords(key)} ${valueInWords(value)}`).join(", ") : valueInWords(guess.value);
    list.append(element("li", "", `${inWords(guess.what)}: ${value} (${guess.evidence})`));
  }
  for (const [reason, count] of Object.entries(content.dropped ?? {})) list.append(element("li", "", `left out: ${count} × ${reason}`));
  for (const warning of content.warnings ?? []) list.append(element("li", "warn", warning.message));
  box.append(list);
  return box;
}

async function watch(id, place, tries = 0) {
  try {
    const answer = await fetch(`${form.dataset.api}${id}/`);
    if (answer.ok) {
      const spectrum = await answer.json();
      if (spectrum.state !== "queued") {
        if (spectrum.likely_duplicate_of) {
          const warning = element("p", "warn", "Likely a duplicate of ");
          warning.append(toReceipt(spectrum.likely_duplicate_of, "a spectrum sent before"), ".");
          place.closest(".result").append(warning);
        }
        place.textContent = "";
        if (spectrum.prediction) {
          place.className = "";
          place.textContent = ` ${spectrum.prediction.class_name}, ${percent(spectrum.prediction.probability)}`;
          if (spectrum.misfit) place.after(element("p", "warn", `${sentence(spectrum.misfit)} Is it the right transient?`));
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
  input.value = "";
  showChosen();
  await begin();
  add(files.filter((file) => !MANIFEST.test(file.name)), manifestOf(files));
});
function showChosen() {
  const chosen = document.getElementById("chosen");
  const spectra = [...input.files].filter((file) => !MANIFEST.test(file.name));
  const count = spectra.length;
  chosen.hidden = !count;
  chosen.textContent = `${counted(count, "file")} chosen: ${spectra.slice(0, 3).map((file) => file.name).join(", ")}${count > 3 ? " …" : ""}`;
  document.getElementById("send").textContent = count ? `Upload ${counted(count, "file")}` : "Upload";
  showManifest(count ? manifestOf([...input.files]) : null);
}

const manifestOf = (files) => files.find((file) => MANIFEST.test(file.name)) ?? null;

// Shows what the manifest says of the chosen files, before anything is sent.
async function showManifest(file) {
  const box = document.getElementById("manifest");
  box.hidden = !file;
  if (!file) return;
  const body = new FormData();
  body.append("manifest", file);
  for (const one of input.files) if (one !== file) body.append("file", one.name);
  const answer = await fetch(form.dataset.manifests, { method: "POST", body, headers: { "X-CSRFToken": csrfToken() } });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    box.replaceChildren(element("p", "warn", sentence(said.detail ?? "the manifest could not be read")));
    return;
  }
  const columns = [...new Set(Object.values(said.files).flatMap((row) => Object.keys(row)))];
  const table = element("table", "list");
  const head = element("tr");
  head.append(element("th", "", "file"), ...columns.map((name) => element("th", "", inWords(name))));
  table.append(head);
  for (const [name, row] of Object.entries(said.files)) {
    const line = element("tr");
    line.append(element("td", "", name), ...columns.map((column) => element("td", "", row[column] ?? "")));
    table.append(line);
  }
  box.replaceChildren(element("p", "muted", `${file.name} describes ${counted(Object.keys(said.files).length, "of these files", "of these files")}.`), table);
  if (said.without_row.length) box.append(element("p", "warn", `Not in it: ${said.without_row.join(", ")}`));
  if (said.unused_columns.length) {
    const known = "transient, redshift, observed_at, instrument, ra, dec and comment";
    box.append(element("p", "warn", `Columns not used: ${said.unused_columns.join(", ")}. The known ones are ${known}.`));
  }
  if (said.uneven_rows.length) {
    const which = said.uneven_rows.join("; ");
    box.append(element("p", "warn", `More cells than columns (put a value with a comma into quotation marks): ${which}`));
  }
  if (said.without_file.length) box.append(element("p", "warn", `No such file chosen: ${said.without_file.join(", ")}`));
}
input.addEventListener("change", showChosen);
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  const all = new DataTransfer();
  for (const file of [...input.files, ...event.dataTransfer.files]) all.items.add(file);
  input.files = all.files;
  showChosen();
});
