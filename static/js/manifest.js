import { counted, element, inWords, sentence } from "./upload_parts.js";

// Returns whether the server could match a manifest with names of files, and what it says. upload: id of the upload that
// keeps what does not match, or null.
async function matched(file, names, address, csrfToken, upload = null) {
  const body = new FormData();
  body.append("manifest", file);
  for (const name of names) body.append("file", name);
  if (upload) body.append("upload", upload);
  const answer = await fetch(address, { method: "POST", body, headers: { "X-CSRFToken": csrfToken } });
  return [answer.ok, await answer.json().catch(() => ({}))];
}

// Returns in words what of a manifest and the files that are sent does not match, or "".
export async function unmatched(...match) {
  const [ok, said] = await matched(...match).catch(() => [false]);
  return ok ? said.unmatched : "";
}

// Returns a cell, which on a narrow screen says its column itself and vanishes if it is empty.
function cell(column, value = "") {
  const made = element("td", value ? "" : "void", value);
  made.dataset.label = inWords(column);
  return made;
}

// Shows what the manifest says of the chosen files, before anything is sent.
export async function showManifest(file, ...match) {
  const box = document.getElementById("manifest");
  box.hidden = !file;
  if (!file) return;
  const [ok, said] = await matched(file, ...match);
  if (!ok) {
    box.replaceChildren(element("p", "warn", sentence(said.detail ?? "the manifest could not be read")));
    return;
  }
  const columns = [...new Set(Object.values(said.files).flatMap((row) => Object.keys(row)))];
  const table = element("table", "list");
  const titles = element("tr");
  titles.append(element("th", "", "file"), ...columns.map((name) => element("th", "", inWords(name))));
  table.createTHead().append(titles);
  const body = table.createTBody();
  for (const [name, row] of Object.entries(said.files)) {
    const line = element("tr");
    line.append(element("td", "", name), ...columns.map((column) => cell(column, row[column])));
    body.append(line);
  }
  box.replaceChildren(element("p", "muted", `${file.name} describes ${counted(Object.keys(said.files).length, "of these files", "of these files")}.`), table);
  if (said.without_row.length) box.append(element("p", "warn", `Not in it: ${said.without_row.join(", ")}`));
  if (said.unused_columns.length) {
    const known = "transient, redshift, observed_at, instrument, ra, dec and comment";
    box.append(element("p", "warn", `Columns not used: ${said.unused_columns.join(", ")}. The known ones are ${known}.`));
  }
  for (const fault of said.refused_rows) box.append(element("p", "warn", `This file will be refused: ${fault}.`));
  if (said.rows_without_file) box.append(element("p", "warn", sentence(said.rows_without_file)));
}
