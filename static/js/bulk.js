// The bulk page: the button that confirms shows how many rows are ticked, and other buttons tick many rows at once.

const form = document.querySelector(".bulk-form");

if (form) {
  const boxes = [...form.querySelectorAll("[name=row]")];
  const send = form.querySelector("button.primary");
  const show = () => {
    const count = boxes.filter((box) => box.checked).length;
    form.querySelector("[data-ticked]").textContent = count;
    send.disabled = !count;
  };
  const tick = (which) => { boxes.forEach((box) => { box.checked = which(box); }); show(); };
  form.querySelector("[data-tick]").hidden = false;
  form.querySelector("[data-all]").addEventListener("click", () => tick(() => true));
  form.querySelector("[data-none]").addEventListener("click", () => tick(() => false));
  form.querySelector("[data-sure]").addEventListener("click", () => tick((box) => !("doubt" in box.dataset)));
  form.addEventListener("change", show);
  // The browser may restore earlier ticks when it comes back to the page.
  window.addEventListener("pageshow", show);
  show();
}
