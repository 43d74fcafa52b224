// Hints for a first visit. Each browser shows them until they are dismissed once.

const hints = document.getElementById("hints");
const seen = () => { try { return localStorage.getItem("hints") === "seen"; } catch { return true; } };

if (hints && !seen()) {
  hints.hidden = false;
  hints.querySelector("button").addEventListener("click", () => {
    hints.hidden = true;
    try { localStorage.setItem("hints", "seen"); } catch { /* a private window cannot keep the choice */ }
  });
}
