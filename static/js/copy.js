// Buttons that copy the text of the element they name.

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // Without HTTPS the browser does not let us: what is selected is copied by hand.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: press Ctrl C";
    }
  });
}
