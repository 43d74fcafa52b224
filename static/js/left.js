// Shows how many transients are left in the queue. Counting takes the server longer than the page itself, so it is asked
// only when this page and the next one are there. An answer is used again for half a minute, or until a verdict.
const FRESH_MS = 30_000;
let known = null;

export function forgetLeft() {
  known = null;
}

// Resolves to the number in each state, or to null.
async function ask(address) {
  const answer = await fetch(address).catch(() => null);
  return answer?.ok && !answer.redirected ? answer.json() : null;
}

export async function startLeft() {
  const place = document.getElementById("left");
  if (!place) return;
  if (!known || performance.now() - known.at > FRESH_MS) known = { at: performance.now(), wanted: ask(place.dataset.url) };
  const mine = known;
  const counts = await mine.wanted;
  // A verdict was recorded meanwhile, so these numbers are old.
  if (mine !== known) return;
  if (!counts) { forgetLeft(); return; }
  const left = counts[place.dataset.state];
  place.hidden = left === undefined;
  place.textContent = `${left} left`;
}
