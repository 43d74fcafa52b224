// Buttons that copy the text of the element whose id they carry.

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // Browsers refuse this without HTTPS. The text is selected, so that the user can copy it by hand.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: press Ctrl C";
    }
  });
}
