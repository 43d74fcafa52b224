// The light or dark theme. This script runs before anything is painted, so that no bright page flashes up in a dark room.
// The browser keeps the user's choice; without a choice the theme of the system is used.
(() => {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  // Django's admin keeps its own choice under the same key, and may have written "auto".
  const chosen = () => {
    try { return ["light", "dark"].find((theme) => theme === localStorage.getItem("theme")) ?? null; } catch { return null; }
  };
  const name = () => {
    const button = document.getElementById("theme-toggle");
    if (!button) return;
    const now = document.documentElement.dataset.theme;
    button.querySelector(".theme-word").textContent = now === "dark" ? "Dark" : "Light";
    button.title = `The theme is ${now}. Switch to ${now === "dark" ? "light" : "dark"} (d)`;
    button.setAttribute("aria-label", `Theme: ${now}`);
  };
  // On a narrow screen the tabs scroll; bring the open one into view.
  const showTab = () => {
    for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
      tab.parentElement.scrollLeft = tab.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2;
    }
  };
  const apply = () => {
    document.documentElement.dataset.theme = chosen() ?? (system.matches ? "dark" : "light");
    name();
    document.dispatchEvent(new Event("themechange"));
  };
  const toggle = () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", next); } catch { /* a private window cannot keep the choice */ }
    apply();
  };
  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme-toggle");
    if (!button) return;
    button.hidden = false;
    name();
    button.addEventListener("click", toggle);
    showTab();
  });
  // Only now are the styles certainly there, and with them the width of the tabs.
  window.addEventListener("load", showTab);
  document.addEventListener("keydown", (event) => {
    if (event.key === "d" && !event.ctrlKey && !event.metaKey && !event.altKey
        && !event.target.closest("input, textarea, select")) toggle();
  });
})();
