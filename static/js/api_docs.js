// Swagger UI is dark if the root element has the class dark-mode.
(() => {
  const follow = () => {
    document.documentElement.classList.toggle("dark-mode", document.documentElement.dataset.theme === "dark");
  };
  follow();
  document.addEventListener("themechange", follow);
})();
