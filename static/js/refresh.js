// Keeps a list that changes by itself up to date: often while something is at work, seldom otherwise.

const BUSY_MS = 2000;
const IDLE_MS = 20000;
const list = document.querySelector("[data-refresh]");

// The list must not change while somebody reads its details or is about to press a button.
const inUse = () => list.querySelector("details[open]") || list.contains(document.activeElement);

async function refresh() {
  try {
    if (!document.hidden && !inUse()) {
      const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
      const fresh = await answer.text();
      if (answer.ok && !answer.redirected && !inUse()) list.innerHTML = fresh;
    }
  } catch { /* the server does not answer for a moment; ask again later */ }
  setTimeout(refresh, list.querySelector("[data-busy]") ? BUSY_MS : IDLE_MS);
}
if (list) setTimeout(refresh, BUSY_MS);
