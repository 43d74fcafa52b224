// A decimal comma is typed as a point. The browser leaves a comma out of a field of numbers, so that 0,03 would become 003.
document.addEventListener("beforeinput", (event) => {
  if (!event.target.matches("input[type=number]:is([step=any], [step*='.'])") || !event.data?.includes(",")) return;
  event.preventDefault();
  document.execCommand("insertText", false, event.data.replaceAll(",", "."));
});
