// Files go one by one through the API, three at a time, each with its progress, its receipt and, a moment later, its
// prediction.

const form = document.getElementById("upload");
const drop = document.getElementById("drop");
const input = document.getElementById("files");
const results = document.getElementById("results");
const AT_ONCE = 3;
const waiting = [];
let running = 0;
const tally = { sent: 0, done: 0, refused: 0 };

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const summary = element("p", "summary-line muted");

function showTally() {
  if (!summary.isConnected) results.prepend(summary);
  const open = tally.sent - tally.done - tally.refused;
  summary.textContent = `${tally.sent} file${tally.sent === 1 ? "" : "s"}: ${tally.done} taken in, `
    + `${tally.refused} refused${open ? `, ${open} to go` : ""}`;
}

function add(files) {
  for (const file of files) {
    const card = element("article", "panel result");
    card.append(element("h3", "", file.name), element("p", "muted", "waiting…"));
    results.append(card);
    waiting.push({ file, card });
    tally.sent += 1;
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

// From the cookie, which a new login in another tab renews.
function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie?.slice("csrftoken=".length) ?? form.elements.csrfmiddlewaretoken.value;
}

function send({ file, card }) {
  const progress = element("progress");
  progress.max = 1; progress.value = 0;
  progress.setAttribute("aria-label", `sending ${file.name}`);
  card.lastChild.replaceWith(progress);
  const body = new FormData();
  body.append("file", file);
  for (const name of ["transient", "redshift", "instrument", "group"]) {
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
      else refused(card, file, request.status, request.response);
      showTally();
      resolve();
    });
    request.send(body);
  });
}

function taken(card, answer, known) {
  tally.done += 1;
  const line = element("p");
  const link = element("a", "", answer.transient);
  link.href = `/transients/${encodeURIComponent(answer.transient)}/?spectrum=${answer.id}`;
  if (known) line.append(element("span", "tag", "known already"), " ");
  const state = element("span", "muted", ` ${answer.state}…`);
  line.append(link, state);
  card.append(line);
  for (const note of answer.notes ?? []) card.append(element("p", "warn", `${note[0].toUpperCase()}${note.slice(1)}.`));
  card.append(receipt(answer.receipt));
  watch(answer.id, state);
}

function refused(card, file, status, answer) {
  tally.refused += 1;
  card.classList.add("refused");
  const line = element("p");
  if (status === 0) line.append(element("span", "tag bad", "no connection"), " The file did not arrive. ");
  else if (status === 401 || status === 403) line.append(element("span", "tag bad", "not signed in"), " Log in again in another tab, then retry. ");
  else line.append(element("span", "tag bad", answer?.code ?? `error ${status}`), ` ${sentence(answer?.detail ?? "the server could not take it")} `);
  if (answer?.id) {
    const kept = element("a", "", "quarantine");
    kept.href = "/quarantine/";
    line.append("It is kept in ", kept, ".");
  } else if (!status || status === 401 || status === 403 || status === 429 || status >= 500) {
    const retry = element("button", "link", "Try again");
    retry.type = "button";
    retry.addEventListener("click", () => {
      tally.refused -= 1; card.classList.remove("refused"); line.remove();
      card.append(element("p", "muted", "waiting…"));
      waiting.push({ file, card }); pump();
    });
    line.append(retry);
  }
  card.append(line);
}

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function receipt(content) {
  const box = element("details", "receipt");
  const range = content.wavelength_range;
  const head = `${content.format}, ${content.rows_used} of ${content.rows_read} rows`
    + (range ? `, ${range[0].toFixed(0)}–${range[1].toFixed(0)} Å` : "");
  box.append(element("summary", "", head));
  const list = element("ul");
  for (const guess of content.guesses ?? []) {
    const value = typeof guess.value === "object" ? Object.entries(guess.value).map((pair) => pair.join(" ")).join(", ") : guess.value;
    list.append(element("li", "", `${guess.what}: ${value} (${guess.evidence})`));
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
        place.textContent = "";
        if (spectrum.prediction) {
          place.className = "";
          place.textContent = ` ${spectrum.prediction.class_name}, ${Math.round(100 * spectrum.prediction.probability)} %`;
        } else {
          place.closest(".result").classList.add("refused");
          place.append(" ", element("span", "tag bad", spectrum.error?.code ?? spectrum.state), ` ${spectrum.error?.message ?? ""}`);
        }
        return;
      }
    }
  } catch { /* ask again */ }
  setTimeout(() => watch(id, place, tries + 1), Math.min(700 + 150 * tries, 5000));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!input.files.length) { input.click(); return; }
  add(input.files);
  input.value = "";
  showChosen();
});
// Chosen files wait, so that what is known of them can be filled in; dropped ones go at once.
function showChosen() {
  const chosen = document.getElementById("chosen");
  const count = input.files.length;
  chosen.hidden = !count;
  chosen.textContent = `${count} file${count === 1 ? "" : "s"} chosen`;
}
input.addEventListener("change", showChosen);
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
