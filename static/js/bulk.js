// How many are ticked, on the button that confirms them, and ticking many at once.

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
  // The browser may bring back earlier ticks with the page.
  window.addEventListener("pageshow", show);
  show();
}
