// The palette in which a reviewer finds a class by a few of its letters. It takes the classes from the decision form, so
// that the two cannot differ.

// Blanks and hyphens do not matter ("ic bl" is Ic-BL).
const bare = (text) => text.toLowerCase().replace(/[\s\-/.]+/g, "");
// People write 1a and 2n for Ia and IIn.
const roman = (text) => text.replace(/(^|\s|sn|type)1(?=[a-c])/g, "$1i").replace(/(^|\s|sn|type)2(?=[bnpl]|$|\s)/g, "$1ii");

// Returns how badly the typed letters fit a name, or null if the name does not have them in this order. Letters that
// stand together fit better than scattered ones, best at the beginning of a word; short names fit better than long ones.
export function fit(typed, name) {
  const wanted = bare(roman(typed.toLowerCase().trim()));
  const text = bare(name);
  const starts = new Set([0]);
  let length = 0;
  for (const word of name.split(/[\s\-/.]+/)) starts.add(length += word.length);
  const together = text.indexOf(wanted);
  const short = text.length / 100;
  if (together >= 0) return short + (starts.has(together) ? 0 : 0.5);
  let from = 0;
  let cost = 1 + short;
  for (const letter of wanted) {
    const at = text.indexOf(letter, from);
    if (at < 0) return null;
    cost += (at - from) / 10;
    from = at + 1;
  }
  return cost;
}

// Returns how badly the typed letters fit a class or its aliases. In an alias the letters must stand together, because a
// long alias has almost any scattered letters by chance.
function best(typed, entry) {
  const others = entry.aliases.map((alias) => fit(typed, alias)).filter((cost) => cost !== null && cost < 1);
  const fits = [fit(typed, entry.name), ...others].filter((cost) => cost !== null);
  return fits.length ? Math.min(...fits) : null;
}

// Returns the classes that fit, by group. The groups stand in the order of the taxonomy; if something is typed, the group
// with the best fit comes first.
function grouped(entries, typed) {
  const found = entries.map((entry) => ({ ...entry, cost: best(typed, entry) })).filter((entry) => entry.cost !== null);
  if (typed) found.sort((a, b) => a.cost - b.cost);
  return Map.groupBy ? Map.groupBy(found, (entry) => entry.group) : found.reduce(
    (groups, entry) => groups.set(entry.group, [...(groups.get(entry.group) ?? []), entry]), new Map(),
  );
}

function option(entry, number) {
  const item = document.createElement("li");
  item.id = `palette-${number}`;
  item.setAttribute("role", "option");
  item.dataset.name = entry.name;
  const chip = document.createElement("span");
  chip.className = `chip ${entry.colour}`;
  chip.textContent = entry.name;
  item.append(chip);
  if (entry.probability) {
    const share = document.createElement("span");
    share.className = "num muted";
    share.textContent = entry.probability;
    item.append(share);
  }
  return item;
}

// Open the palette. dialog: #palette. options: the form's <option> elements. choose(name): called once with the class
// that was picked. likely: classes that stand first while nothing is typed.
export function openPalette(dialog, options, choose, likely) {
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  const entries = [...options].map(({ value, dataset }) => ({
    name: value, group: dataset.group, colour: dataset.colour, probability: dataset.probability,
    aliases: dataset.aliases ? dataset.aliases.split("|") : [],
  }));
  let at = 0;
  const items = () => [...list.querySelectorAll("[role=option]")];

  function mark(next) {
    const all = items();
    at = all.length ? (next + all.length) % all.length : 0;
    all.forEach((item, number) => item.setAttribute("aria-selected", number === at ? "true" : "false"));
    if (all.length) input.setAttribute("aria-activedescendant", all[at].id);
    else input.removeAttribute("aria-activedescendant");
    all[at]?.scrollIntoView({ block: "nearest" });
  }
  function fill() {
    let number = 0;
    const typed = input.value.trim();
    const first = typed ? [] : likely.map((name) => entries.find((entry) => entry.name === name)).filter(Boolean);
    const groups = [...grouped(entries.filter((entry) => !first.includes(entry)), typed)];
    if (first.length) groups.unshift(["most likely", first]);
    const parts = groups.map(([name, members]) => {
      const group = document.createElement("ul");
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", name);
      const title = document.createElement("li");
      title.className = "palette-group";
      title.setAttribute("role", "presentation");
      title.textContent = name;
      group.append(title, ...members.map((entry) => option(entry, number++)));
      return group;
    });
    list.replaceChildren(...parts);
    dialog.querySelector("[data-none]").hidden = number > 0;
    mark(0);
    list.scrollTop = 0;
  }
  function pick(item) {
    if (!item) return;
    dialog.close();
    choose(item.dataset.name);
  }
  input.oninput = fill;
  input.onkeydown = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") mark(at + (event.key === "ArrowDown" ? 1 : -1));
    else if (event.key === "Enter") pick(items()[at]);
    else return;
    event.preventDefault();
  };
  list.onclick = (event) => pick(event.target.closest("[role=option]"));
  input.value = "";
  dialog.showModal();
  fill();
  input.focus();
}
