// Measuring a line: while the button is pressed, a drag over the figure measures the line in that stretch instead of
// zooming. The numbers come from the server; they can be added to the comment of the decision.

let asked = 0;

// Choose what a drag over the figure does. on: whether it measures a line.
export function measureByDrag(drawn, on) {
  const tool = drawn.named("measure");
  const [zoomTool] = drawn.plot.toolbar.tools.filter(({ type }) => type === "BoxZoomTool");
  drawn.plot.toolbar.active_drag = on ? tool : zoomTool;
  tool.active = on;
  zoomTool.active = !on;
  if (!on) { tool.overlay.visible = false; forgetMeasured(); }
}

// Measure whenever a stretch of a new figure was dragged over. place: the page's #plot. redshift: function that returns the
// redshift at which the spectrum is drawn, or null.
export function startMeasuring(place, drawn, redshift) {
  drawn.plot.subscribed_events = new Set(["selectiongeometry"]);
  drawn.document.on_event("selectiongeometry", (_, { geometry, final }) => {
    if (final) measure(place, geometry.x0, geometry.x1, redshift());
  });
}

async function measure(place, from, to, z) {
  const mine = ++asked;
  const query = new URLSearchParams({ low: from.toFixed(2), high: to.toFixed(2), ...(z === null ? {} : { redshift: z }) });
  const answer = await fetch(`${place.dataset.lines}?${query}`).catch(() => null);
  const body = await answer?.json().catch(() => null);
  if (mine === asked && place.isConnected) show(answer?.ok ? body : null, body?.detail);
}

const withError = ({ value, error }, unit, digits = 1) => `${value.toFixed(digits)} ± ${error.toFixed(digits)} ${unit}`.replace(/^-/, "−");

function words({ emission, centre, fwhm, equivalent_width: width, minimum }) {
  return [
    `${emission ? "emission" : "absorption"} at ${withError(centre, "Å")}`,
    minimum && `minimum ${withError(minimum, "Å")}`,
    fwhm && `FWHM ${withError(fwhm, "Å")}`,
    width && `EW ${withError(width, "Å", 2)}`,
  ].filter(Boolean).join(", ");
}

const lineWords = ({ name, rest, velocity }) => `${name} ${Math.round(rest)} at ${withError(velocity, "km/s", 0)}`;

export function forgetMeasured() {
  asked += 1;
  const box = document.getElementById("measured");
  if (box) box.hidden = true;
}

// measured: the server's answer, or null. failure: why there is none.
function show(measured, failure) {
  const box = document.getElementById("measured");
  if (!box) return;
  box.hidden = false;
  box.querySelector("[data-result]").textContent = measured ? "Measured:" : "Not measured:";
  box.querySelector("[data-measured]").textContent = measured ? words(measured) : failure ?? "the server did not answer";
  const choice = box.querySelector("select");
  const add = box.querySelector("button");
  choice.hidden = !measured?.lines.length;
  choice.replaceChildren(...(measured?.lines ?? []).map((line) => new Option(lineWords(line))));
  add.hidden = !measured || !document.getElementById("decide");
  add.onclick = () => {
    const comment = document.querySelector("#decide [name=comment]");
    const line = [choice.hidden ? "" : choice.value, words(measured)].filter(Boolean).join(": ");
    comment.value = [comment.value.trim(), line].filter(Boolean).join("\n");
    comment.dispatchEvent(new Event("input", { bubbles: true }));
    add.hidden = true;
  };
}
