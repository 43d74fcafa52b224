"""The figure of a spectrum, with the attribution and the best template below it. No queries.

The script static/js/figure.js finds the parts of the drawn figure by their names. It moves the lines and the rest-frame
axis with the redshift, changes the samples and stacks the epochs, so none of that needs a new figure.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import (
    BoxAnnotation,
    BoxSelectTool,
    ColumnDataSource,
    HoverTool,
    Label,
    LabelSet,
    Legend,
    LegendItem,
    LinearAxis,
    Range1d,
)
from bokeh.plotting import figure

from classifier.lines import TELLURIC, in_vacuum
from triage.figures.axes import flux_range, without_noisy_ends
from triage.figures.panels import Host, Overlay, Strip, strip_content, strip_panel, template_content, template_panel
from triage.figures.prebuilt import Shape
from triage.figures.samples import (
    SMOOTHING,
    Array,
    Epoch,
    FluxKind,
    Look,
    columns,
    decimate,
    plotted,
    smooth,
    smoothing_of,
    with_gaps,
)
from triage.figures.style import LEFT, PALETTES, Palette, style_legend, style_wavelengths

# Number of samples of each other epoch.
OTHER_POINTS = 800


def spectrum_json(
    epoch: Epoch,
    others: Sequence[Epoch],
    *,
    look: Look,
    at_rest: bool,
    vacuum: bool,
    strip: Strip | None,
    template: Overlay | None,
    host: Host | None,
    theme: str,
) -> str:
    """Return the figure as JSON, as ``Bokeh.embed.embed_item`` takes it.

    epoch: the spectrum, drawn with its error band.
    others: other epochs, each on its own scale; the script draws them one above the other.
    look: smoothing, binning and stretch of wavelengths.
    at_rest: whether the spectrum is in the rest frame, so that neither lines nor telluric bands are shifted.
    vacuum: whether its wavelengths are in vacuum, and not in air.
    strip: attribution to draw below, or None.
    template: best template to draw below, or None.
    host: the host's light, or None if nothing is drawn of it.
    theme: "light" or "dark".
    """
    first, last = without_noisy_ends(epoch)
    low, high = flux_range(epoch, look, (first, last), at_rest=at_rest)
    # Beyond an end that is left out there is noise, so it has no margin.
    margin = 0.02 * float(np.ptp(epoch.wavelength))
    start = first if first > epoch.wavelength[0] else first - margin
    across = {"start": start, "end": last if last < epoch.wavelength[-1] else last + margin}
    content: dict[str, Any] = {
        "across": across,
        "rest": across,
        "up": {"start": low, "end": high},
        "samples": {"data": _samples(epoch, look)},
    }
    for number, other in enumerate(others):
        content |= _other(number, other, look)
    if strip is not None:
        content |= strip_content(strip)
    if template is not None:
        content |= template_content(template)
        drawn = template.comparison
        base = drawn.continuum if look.flux == FluxKind.CONTINUUM else epoch.size
        content["overlay"] = {"data": {"x": drawn.wavelength, "y": plotted(drawn.fitted / base, look)}}
    if host is not None:
        content |= _host(host, epoch.wavelength)
    has = (epoch.flux_error is not None, strip is not None, template is not None)
    kind = (theme if theme in PALETTES else "light", at_rest, vacuum, look.flux, len(others))
    shape = _shape(*kind, *has, _kind(host))
    return shape.fill(content)


@functools.lru_cache(maxsize=64)
def _shape(
    theme: str,
    at_rest: bool,
    vacuum: bool,
    flux: FluxKind,
    others: int,
    error: bool,
    strip: bool,
    template: bool,
    host: str,
) -> Shape:
    """Return the prebuilt figure of one kind.

    others: number of other epochs.
    error, strip, template: whether it has an error band, an attribution, a template.
    host: "drawn", "taken off", or "" if nothing is drawn of the host.
    """
    colours = PALETTES[theme]
    plot = _spectrum_figure(at_rest, vacuum, flux, others, error, template, host, colours)
    parts: dict[str, tuple[str, ...]] = {"samples": ("data",), "across": ("start", "end"), "up": ("start", "end")}
    for number in range(others):
        parts |= {f"epoch {number}": ("data",), f"epoch name {number}": ("data",)}
    if not at_rest:
        parts["rest"] = ("start", "end")
    if host:
        parts["host words"] = ("label",)
    if host == "drawn":
        parts["host"] = ("data",)
    panels = [plot]
    if strip:
        panels.append(strip_panel(plot, colours))
        parts |= {"strip for": ("data",), "strip against": ("data",), "strip words": ("text",)}
    if template:
        panels.append(template_panel(plot, colours))
        parts |= dict.fromkeys(("flattened spectrum", "template", "difference", "overlay"), ("data",))
        parts["template words"] = ("label",)
    return Shape(stacked(panels), parts)


def stacked(panels: Sequence[Any]) -> Any:
    """Return the panels one below the other."""
    return column(*panels, sizing_mode="stretch_width")


def _spectrum_figure(
    at_rest: bool,
    vacuum: bool,
    flux: FluxKind,
    others: int,
    error: bool,
    template: bool,
    host: str,
    colours: Palette,
) -> Any:
    plot = figure(
        height=430,
        sizing_mode="stretch_width",
        tools="pan,box_zoom,wheel_zoom,reset",
        active_drag="box_zoom",
        toolbar_location="above",
        output_backend="canvas",
        x_range=Range1d(0, 1, name="across"),
        y_range=Range1d(0, 1, name="up"),
        x_axis_label=f"{'Rest' if at_rest else 'Observed'} wavelength{' in vacuum' if vacuum else ''} (Å)",
        y_axis_label=flux.words,
        min_border_left=LEFT,
        name="spectrum",
    )
    # The page's button makes it the tool of a drag; see static/js/measure.js.
    plot.add_tools(BoxSelectTool(dimensions="width", persistent=True, renderers=[], visible=False, name="measure"))
    for number in range(others):
        _draw_other(plot, number, colours)
    line = _draw_epoch(plot, error, colours)
    if host:
        _draw_host(plot, line, host, colours)
    if template:
        overlay = ColumnDataSource({"x": [], "y": []}, name="overlay")
        plot.line("x", "y", source=overlay, color=colours.line, line_width=1.8, alpha=0.85)
    if not at_rest:
        _draw_telluric(plot, vacuum, colours)
        _rest_axis(plot)
    _draw_lines(plot, colours)
    # A picture that leaves the page says here what it shows; see static/js/figure.js.
    looks = {"text_font_size": "13px", "text_color": colours.text, "background_fill_color": colours.background}
    plot.add_layout(
        Label(x=8, y=0, x_units="screen", y_units="screen", text="", name="caption", text_baseline="top", **looks)
    )
    style_wavelengths(plot, colours)
    return plot


def _draw_epoch(plot: Any, error: bool, colours: Palette) -> Any:
    """Draw the spectrum and return its line."""
    empty: dict[str, list[float]] = {name: [] for name in ("x", "y", "raw", "lower", "upper", "rest")}
    source = ColumnDataSource(empty, name="samples")
    plot.line("x", "raw", source=source, color=colours.raw, line_width=1, alpha=0.7)
    if error:
        plot.varea("x", "lower", "upper", source=source, fill_color=colours.error, fill_alpha=0.15)
    line = plot.line("x", "y", source=source, color=colours.flux, line_width=1.4)
    tips = [("observed", "@x{0.0} Å"), ("rest", "@rest{0.0} Å"), ("flux", "@y{0.000}")]
    plot.add_tools(HoverTool(renderers=[line], tooltips=tips, mode="vline", line_policy="nearest"))
    return line


def _kind(host: Host | None) -> str:
    if host is None:
        return ""
    return "taken off" if host.drawn is None else "drawn"


def _host(host: Host, wavelength: Array) -> dict[str, Any]:
    content: dict[str, Any] = {"host words": {"label": {"type": "value", "value": host.words}}}
    if host.drawn is not None:
        kept = decimate(host.drawn, OTHER_POINTS)
        x, y = with_gaps(wavelength[kept], host.drawn[kept])
        content["host"] = {"data": {"x": x, "y": y}}
    return content


def _draw_host(plot: Any, line: Any, host: str, colours: Palette) -> None:
    """Add a legend that names what is drawn: the spectrum and its host, or the spectrum without it.

    line: line of the spectrum.
    """
    if host == "drawn":
        source = ColumnDataSource({"x": [], "y": []}, name="host")
        drawn = plot.line("x", "y", source=source, color=colours.epochs[0], line_width=1.8)
        items = [
            LegendItem(label="this spectrum", renderers=[line]),
            LegendItem(label="", renderers=[drawn], name="host words"),
        ]
    else:
        items = [LegendItem(label="", renderers=[line], name="host words")]
    plot.add_layout(Legend(items=items))
    style_legend(plot, colours)


def _samples(epoch: Epoch, look: Look) -> dict[str, Array]:
    data = columns(epoch, look)
    if not (smoothing_of(epoch, look) or look.binning):
        data["raw"] = np.full(data["x"].size, np.nan)
    return {**data, "rest": data["x"]}


def _draw_other(plot: Any, number: int, colours: Palette) -> None:
    colour = colours.epochs[number % len(colours.epochs)]
    source = ColumnDataSource({"x": [], "y": []}, name=f"epoch {number}")
    plot.line("x", "y", source=source, color=colour, line_width=1)
    name = ColumnDataSource({"x": [], "y": [], "text": []}, name=f"epoch name {number}")
    _write(plot, name, colour, text_align="right")


def _other(number: int, epoch: Epoch, look: Look) -> dict[str, Any]:
    values = plotted(smooth(epoch.flux / epoch.size, SMOOTHING[smoothing_of(epoch, Look())]), look)
    kept = decimate(values, OTHER_POINTS)
    x, y = with_gaps(epoch.wavelength[kept], values[kept])
    return {
        f"epoch {number}": {"data": {"x": x, "y": y}},
        f"epoch name {number}": {"data": {"x": x[-1:], "y": np.array([np.nan]), "text": [epoch.label]}},
    }


def _draw_telluric(plot: Any, vacuum: bool, colours: Palette) -> None:
    bands = [(in_vacuum(start), in_vacuum(end)) if vacuum else (start, end) for start, end in TELLURIC]
    looks = {"fill_color": colours.telluric, "fill_alpha": 0.1, "line_color": None}
    for number, (start, end) in enumerate(bands):
        plot.add_layout(BoxAnnotation(left=start, right=end, name=f"telluric {number}", **looks))
    middles = [0.5 * (start + end) for start, end in bands]
    signs = ColumnDataSource({"x": middles, "y": [1.0] * len(middles), "text": ["⊕"] * len(middles)})
    _write(plot, signs, colours.telluric, y_units="screen", text_align="center", name="telluric signs")


def _rest_axis(plot: Any) -> None:
    """Add the axis of rest wavelengths, hidden until a redshift is known."""
    plot.extra_x_ranges = {"rest": Range1d(plot.x_range.start, plot.x_range.end, name="rest")}
    axis = LinearAxis(x_range_name="rest", axis_label="Rest wavelength (Å)", visible=False, name="rest axis")
    plot.add_layout(axis, "above")


def _draw_lines(plot: Any, colours: Palette) -> None:
    """Add dotted lines with their names at the bottom; the script places them."""
    source = ColumnDataSource({"x": [], "y": [], "text": []}, name="lines")
    plot.vspan("x", source=source, line_color=colours.line, line_alpha=0.55, line_dash="dotted")
    _write(plot, source, colours.line, y_units="screen", angle=np.pi / 2, x_offset=12)


def _write(plot: Any, source: Any, colour: str, **options: Any) -> None:
    """Write the texts of a source with columns x, y and text, without a background that would hide the spectrum."""
    fixed = {"text_font_size": "12px", "text_color": colour, "source": source}
    plot.add_layout(LabelSet(x="x", y="y", text="text", **fixed, **options))
