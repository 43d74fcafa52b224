// Guard against verdicts on a spectrum that nobody can have seen. A verdict in the first moment after a spectrum appears was meant
// for the one before it, so static/js/review.js drops it.

const SETTLE_MS = 300;
// A figure that cannot be drawn must not lock the form for ever.
const LONGEST_MS = 5000;
let from = 0;
let timer = 0;
let frame = 0;
let awaited = false;

// at: when the verdict was given, in the clock of performance.now().
export const isSeen = (at = performance.now()) => at >= from;

function unseenFor(milliseconds) {
  from = performance.now() + milliseconds;
  document.body.classList.add("unseen");
  clearTimeout(timer);
  timer = setTimeout(() => document.body.classList.remove("unseen"), milliseconds);
}

// The moment begins when the spectrum is on the screen: the first frame paints it, and the second begins after that.
function settleAfterPaint() {
  frame = requestAnimationFrame(() => { frame = requestAnimationFrame(() => unseenFor(SETTLE_MS)); });
}

// Called for each page that is shown. drawn: whether its figure is there already, or it has none.
export function awaitSpectrum(drawn) {
  awaited = !drawn;
  cancelAnimationFrame(frame);
  unseenFor(LONGEST_MS);
  if (drawn) settleAfterPaint();
}

document.addEventListener("plotdrawn", () => {
  // The same spectrum may be drawn again, such as with a template.
  if (awaited) settleAfterPaint();
  awaited = false;
});
