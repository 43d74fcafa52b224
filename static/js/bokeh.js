// Draws Bokeh's figures and disposes of them. Bokeh keeps every figure it ever drew until it is told otherwise.

// Draw a figure, given as Bokeh's JSON, into an element of the page.
export async function drawFigure(item, target) {
  const views = await window.Bokeh.embed.embed_item(item, target);
  return { views, document: views.roots[0].model.document };
}

// Let a finger that moves up or down over a figure scroll the page; a finger that moves sideways still zooms.
export function letFingersScroll(place) {
  for (const element of [...place.children, ...(place.shadowRoot?.children ?? [])]) {
    if (element.classList.contains("bk-events")) element.style.setProperty("touch-action", "pan-y pinch-zoom", "important");
    letFingersScroll(element);
  }
}

export function disposeFigure({ views, document }) {
  views.clear();
  const place = window.Bokeh.documents.indexOf(document);
  if (place >= 0) window.Bokeh.documents.splice(place, 1);
}
