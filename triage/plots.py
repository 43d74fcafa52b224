"""Bokeh figures. They get arrays and numbers and ask the database nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    HoverTool,
    Label,
    LinearAxis,
    NumeralTickFormatter,
    Range1d,
    Span,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from triage.lines import TELLURIC
from triage.template_spectra import Overlay

Array = NDArray[np.float64]

# More samples than this cannot be told apart on a screen.
MAX_POINTS = 2400
# Names of lines closer than this share of the plot's width are put at different heights, so many of them.
LABEL_ROOM, LABEL_LEVELS = 0.024, 4
# Standard deviation of the smoothing, in samples.
SMOOTHING = {0: 0.0, 1: 1.5, 2: 4.0}
GAP_STEPS = 8.0


@dataclasses.dataclass(frozen=True)
class Palette:
    background: str
    text: str
    grid: str
    flux: str
    raw: str
    other: str
    error: str
    line: str
    telluric: str


PALETTES = {
    "light": Palette("#fbfaf7", "#3a3d42", "#e4e1d9", "#0b5cad", "#b9c9da", "#b98a2f", "#0b5cad", "#9a4a1c", "#8a8f98"),
    "dark": Palette("#14171b", "#b9b4a8", "#262b31", "#8ab8e6", "#3d5873", "#c9a35a", "#8ab8e6", "#d08a5e", "#8a8f98"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Epoch:
    """wavelength (n,) Å, observed frame; flux, flux_error (n,); label names the epoch."""

    wavelength: Array
    flux: Array
    flux_error: Array | None
    label: str


def spectrum_figure(
    epoch: Epoch,
    others: Sequence[Epoch],
    *,
    redshift: float | None,
    at_rest: bool,
    smoothing: int,
    lines: Sequence[tuple[float, str]],
    theme: str,
) -> Any:
    """The chosen epoch with its error band, the other epochs behind it on the same scale.

    redshift puts the rest-frame axis and the lines; None leaves both out. at_rest: the spectrum came in the rest frame,
    where the lines need no redshift. smoothing: a key of SMOOTHING. lines: (rest wavelength, name) of those to mark.
    """
    colours = PALETTES.get(theme, PALETTES["light"])
    low, high = flux_range(epoch.flux)
    margin = 0.02 * float(np.ptp(epoch.wavelength))
    plot = figure(
        height=430,
        sizing_mode="stretch_width",
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_drag="box_zoom",
        toolbar_location="above",
        output_backend="canvas",
        x_range=Range1d(float(epoch.wavelength[0]) - margin, float(epoch.wavelength[-1]) + margin),
        y_range=Range1d(low, high),
        x_axis_label="Rest wavelength (Å)" if at_rest else "Observed wavelength (Å)",
        y_axis_label="Flux (F_λ, scaled)",
        name="spectrum",
    )
    plot.toolbar.logo = None
    scale = _scale(epoch.flux)
    for other in others:
        _draw_other(plot, other, scale, colours)
    _draw_epoch(plot, epoch, redshift, smoothing, colours)
    for start, end in TELLURIC:
        plot.add_layout(
            BoxAnnotation(left=start, right=end, fill_color=colours.telluric, fill_alpha=0.1, line_color=None)
        )
    if redshift is not None and not at_rest:
        _rest_axis(plot, redshift)
    if at_rest:
        redshift = 0.0
    if redshift is not None and lines:
        places = [(at * (1 + redshift), name) for at, name in lines]
        _draw_lines(plot, places, (float(epoch.wavelength[0]), float(epoch.wavelength[-1])), low, colours)
    _dress(plot, colours)
    return plot


def with_template(plot: Any, found: Overlay, theme: str) -> Any:
    """The figure with a panel below it, on the same wavelengths: the best template over the spectrum, both without
    their continuum, so that their lines can be compared whatever their colour and dust."""
    colours = PALETTES.get(theme, PALETTES["light"])
    panel = figure(
        height=190,
        sizing_mode="stretch_width",
        tools="",
        x_range=plot.x_range,
        x_axis_label=None,
        y_axis_label="Over continuum",
        name="template",
    )
    x = found.wavelength.astype(np.float32)
    panel.line(x, found.spectrum.astype(np.float32), color=colours.flux, line_width=1.2, legend_label="spectrum")
    panel.line(x, found.template.astype(np.float32), color=colours.line, line_width=1.8, legend_label=found.label)
    panel.toolbar_location = None
    _dress(panel, colours)
    for legend in panel.legend:
        legend.orientation, legend.padding, legend.margin = "horizontal", 0, 2
        legend.background_fill_color, legend.border_line_color = None, None
        legend.label_text_color, legend.label_text_font_size = colours.text, "11px"
    # Above the panel, where it hides no line.
    panel.add_layout(panel.legend[0], "above")
    # Both frames begin at the same place, so that a line stands above itself.
    plot.min_border_left = panel.min_border_left = 72
    return column(plot, panel, sizing_mode="stretch_width")


def figure_json(plot: Any) -> Any:
    """What ``Bokeh.embed.embed_item`` takes."""
    return json_item(plot, "plot")


def flux_range(flux: Array) -> tuple[float, float]:
    """Limits of the flux axis: the 0.5 and 99.5 percentiles with a margin, so that one cosmic ray does not flatten
    the rest; in units of ``_scale``."""
    scaled = flux / _scale(flux)
    low, high = np.percentile(scaled, (0.5, 99.5))
    span = float(high - low) or 1.0
    # A line that stands out by half the range is the spectrum's own; what is further out may be cut.
    low, high = max(scaled.min(), low - 0.5 * span), min(scaled.max(), high + 0.5 * span)
    return float(low - 0.06 * (high - low)), float(high + 0.06 * (high - low))


def _scale(flux: Array) -> float:
    """A typical size that is not 0: the mean may be, where flux is negative as often as positive."""
    return float(np.percentile(np.abs(flux), 75)) or float(np.abs(flux).max()) or 1.0


def decimate(wavelength: Array, flux: Array, limit: int = MAX_POINTS) -> NDArray[np.int_]:
    """Indices, ascending, of at most ``limit`` samples that keep each stretch's smallest and largest flux."""
    if flux.size <= limit:
        return np.arange(flux.size)
    bins = np.array_split(np.arange(flux.size), limit // 2)
    chosen = [index for part in bins for index in (part[flux[part].argmin()], part[flux[part].argmax()])]
    return np.unique(chosen)


def smooth(flux: Array, sigma: float) -> Array:
    """Gaussian smoothing by ``sigma`` samples, edges handled by weight."""
    if not sigma:
        return flux
    reach = int(4 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    result: Array = np.convolve(flux, kernel, "same") / np.convolve(np.ones_like(flux), kernel, "same")
    return result


def _with_gaps(wavelength: Array, *columns: Array) -> list[Array]:
    """Put a NaN where the sampling jumps, so that no line is drawn across a gap."""
    step = np.diff(wavelength)
    gaps = np.flatnonzero(step > max(GAP_STEPS * float(np.median(step)), 60.0)) + 1
    middles = 0.5 * (wavelength[gaps - 1] + wavelength[gaps])
    return [np.insert(wavelength, gaps, middles), *(np.insert(column, gaps, np.nan) for column in columns)]


def _draw_epoch(plot: Any, epoch: Epoch, redshift: float | None, smoothing: int, colours: Palette) -> None:
    sigma = SMOOTHING.get(smoothing, 0.0)
    scaled = epoch.flux / _scale(epoch.flux)
    shown = smooth(scaled, sigma)
    if sigma:
        kept = decimate(epoch.wavelength, scaled)
        x, y = _with_gaps(epoch.wavelength[kept], scaled[kept])
        plot.line(x.astype(np.float32), y.astype(np.float32), color=colours.raw, line_width=1, alpha=0.7)
    kept = decimate(epoch.wavelength, shown)
    error = np.full(scaled.size, np.nan) if epoch.flux_error is None else epoch.flux_error / _scale(epoch.flux)
    x, y, e = _with_gaps(epoch.wavelength[kept], shown[kept], error[kept])
    data = {"x": x, "y": y, "rest": x / (1 + (redshift or 0.0))}
    if epoch.flux_error is not None:
        data |= {"lower": y - e, "upper": y + e}
    source = ColumnDataSource({name: values.astype(np.float32) for name, values in data.items()})
    if epoch.flux_error is not None:
        plot.varea("x", "lower", "upper", source=source, fill_color=colours.error, fill_alpha=0.15)
    line = plot.line("x", "y", source=source, color=colours.flux, line_width=1.4)
    tips = [("observed", "@x{0.0} Å"), ("flux", "@y{0.000}")]
    if redshift is not None:
        tips.insert(1, ("rest", "@rest{0.0} Å"))
    plot.add_tools(HoverTool(renderers=[line], tooltips=tips, mode="vline", line_policy="nearest"))


def _draw_other(plot: Any, epoch: Epoch, scale: float, colours: Palette) -> None:
    values = epoch.flux / _scale(epoch.flux)
    kept = decimate(epoch.wavelength, values, 800)
    x, y = _with_gaps(epoch.wavelength[kept], values[kept])
    plot.line(x.astype(np.float32), y.astype(np.float32), color=colours.other, line_width=1, alpha=0.45)


def _rest_axis(plot: Any, redshift: float) -> None:
    """A second axis; static/js/plot.js moves its range along with the first."""
    stretch = 1 + redshift
    rest = Range1d(plot.x_range.start / stretch, plot.x_range.end / stretch, name="rest")
    plot.extra_x_ranges = {"rest": rest}
    axis = LinearAxis(x_range_name="rest", axis_label=f"Rest wavelength (Å) at z = {redshift:.4f}")
    plot.add_layout(axis, "above")
    plot.tags = [{"stretch": stretch}]


def _draw_lines(
    plot: Any, places: Sequence[tuple[float, str]], covered: tuple[float, float], low: float, colours: Palette
) -> None:
    """places: (wavelength on the axis, name), ascending. Dotted lines with their names at the foot; a name that would
    lie on its left neighbour's is put above it."""
    room = LABEL_ROOM * (covered[1] - covered[0])
    previous, level = -np.inf, 0
    for at, name in places:
        if not covered[0] <= at <= covered[1]:
            continue
        plot.add_layout(
            Span(location=at, dimension="height", line_color=colours.line, line_alpha=0.55, line_dash="dotted")
        )
        level = (level + 1) % LABEL_LEVELS if at - previous < room else 0
        previous = at
        plot.add_layout(
            Label(
                x=at,
                y=low,
                y_offset=4 + 42 * level,
                x_offset=2,
                text=name,
                angle=np.pi / 2,
                text_font_size="12px",
                text_color=colours.line,
                background_fill_color=colours.background,
                background_fill_alpha=0.8,
            )
        )


def _dress(plot: Any, colours: Palette) -> None:
    plot.background_fill_color = plot.border_fill_color = colours.background
    plot.outline_line_color = None
    plot.grid.grid_line_color = colours.grid
    plot.min_border_right = 16
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = colours.grid
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = colours.text
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
    for axis in plot.xaxis:
        axis.formatter = NumeralTickFormatter(format="0")
