// Shortcuts of one key. They never fire while somebody types. A slider that was moved has the focus, but takes arrows alone.

export function onKey(handler) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    // A dialog that was just closed keeps the focus until the browser draws again, but nobody types in it.
    const closed = event.target.closest("dialog:not([open])");
    if (!closed && event.target.closest("input:not([type=checkbox], [type=range]), textarea, select, dialog")) return;
    if (handler(event.key, event)) event.preventDefault();
  });
}
