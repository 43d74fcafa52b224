// Single keys, which never fire while somebody types.

export function onKey(handler) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog")) return;
    if (handler(event.key, event)) event.preventDefault();
  });
}
