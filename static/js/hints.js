// Hints. Each browser shows one until it is dismissed once.

for (const hint of document.querySelectorAll("[data-hint]")) {
  const name = hint.dataset.hint;
  const seen = () => { try { return localStorage.getItem(name) === "seen"; } catch { return true; } };
  if (seen()) continue;
  hint.hidden = false;
  hint.querySelector("[data-seen]").addEventListener("click", () => {
    hint.hidden = true;
    try { localStorage.setItem(name, "seen"); } catch { /* a private window cannot keep the choice */ }
  });
}
