// Shows how many transients are left in the queue. Counting takes the server longer than the page itself, so it is asked
// only when this page and the next one are there. An answer is used again for half a minute, or until a verdict.
const FRESH_MS = 30_000;
let known = null;

export function forgetLeft() {
  known = null;
}

export async function startLeft() {
  const place = document.getElementById("left");
  if (!place) return;
  if (!known || performance.now() - known.at > FRESH_MS) {
    const answer = await fetch(place.dataset.url).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    known = { at: performance.now(), counts: await answer.json() };
  }
  const left = known.counts[place.dataset.state];
  place.hidden = left === undefined;
  place.textContent = `${left} left`;
}
