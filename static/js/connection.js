// Tests a connection without leaving its form, so that a token that was typed stays in its field.
const form = document.getElementById("connection");
const said = document.getElementById("tested");

form.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (button?.name !== "test") return;
  event.preventDefault();
  button.disabled = true;
  said.textContent = "Asking the server…";
  const body = new FormData(form);
  body.append("test", "1");
  const answer = await fetch(location.href, { method: "POST", body, headers: { "X-Fragment": "1" } }).catch(() => null);
  button.disabled = false;
  if (answer?.ok && !answer.redirected) said.innerHTML = await answer.text();
  else said.textContent = "This desk does not answer, so nothing was tested. Reload the page and try again.";
});
