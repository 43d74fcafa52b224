// Tables that stand on one page as a whole: a button in each heading sorts by its column, and once more turns the order
// round. A list of several pages is sorted by the server instead. Cells without a value come last.

const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const EMPTY = new Set(["", "–"]);

// A number with a sign before it and an error, a per cent sign or a unit behind it, such as "> 99 %", "0.0312 ± 0.0004" or
// "−18.3 mag". A text that only begins with digits, such as "2023ixf" or "2026-11-28 04:12", is no number.
const NUMBER = /^[<>≤≥×\s]*([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?:\s*±\s*\d+(?:\.\d+)?)?(?:\s*%|\s+[^\s\d]+)?$/i;
const number = (text) => parseFloat(NUMBER.exec(text.replace("−", "-"))?.[1]);

function compare(one, other) {
  const [first, second] = [number(one), number(other)];
  return Number.isNaN(first) || Number.isNaN(second) ? words.compare(one, other) : first - second;
}

function sort(table, heading) {
  const column = heading.cellIndex;
  const turned = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const text = (row) => row.cells[column].textContent.trim();
  const rows = [...table.tBodies[0].rows];
  const [filled, empty] = [rows.filter((row) => !EMPTY.has(text(row))), rows.filter((row) => EMPTY.has(text(row)))];
  filled.sort((one, other) => turned * compare(text(one), text(other)));
  table.tBodies[0].append(...filled, ...empty);
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", turned === 1 ? "ascending" : "descending");
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 2) continue;
  for (const heading of table.tHead.rows[0].cells) {
    // A column of buttons or boxes has nothing to sort by.
    if (!heading.textContent.trim() || rows.every((row) => row.cells[heading.cellIndex].querySelector("form, input, svg"))) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, heading));
    heading.append(button);
  }
}
