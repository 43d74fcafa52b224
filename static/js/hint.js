// A message that goes away by itself.

const HINT_MS = 4000;

// Show a message for a moment, below any other.
export function hint(text) {
  const note = document.createElement("div");
  note.className = "message warning hint-message";
  note.setAttribute("role", "status");
  note.textContent = text;
  document.querySelector(".hint-message")?.remove();
  document.getElementById("messages").append(note);
  setTimeout(() => note.remove(), HINT_MS);
}
