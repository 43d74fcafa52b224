// Buttons that copy the text of the element whose id they carry. Without a script they stay hidden.

function show() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    // Browsers refuse this without HTTPS. The text is selected, so that the user can copy it by hand.
    getSelection().selectAllChildren(source);
    button.textContent = "Selected: press Ctrl C";
  }
});
document.addEventListener("pagechange", show);
show();
