// Words and elements that the upload page is made of.

const words = JSON.parse(document.getElementById("words").textContent);
export const inWords = (code) => words[code] ?? (/^[a-z0-9_]+$/.test(code) ? `${code}`.replaceAll("_", " ") : code);

export const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

// Returns an element with a long name, which a narrow card breaks after dashes, dots and underscores.
export function named(tag, name) {
  const made = element(tag);
  for (const part of name.split(/(?<=[-_.])/)) made.append(part, element("wbr"));
  return made;
}

export const counted = (count, word, many = `${word}s`) => `${count} ${count === 1 ? word : many}`;

const capitalised = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
export const sentence = (text) => capitalised(/[.!?]$/.test(text) ? text : `${text}.`);
