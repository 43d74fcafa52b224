"""The figure of a transient's light curve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from bokeh.models import ColumnDataSource, HoverTool, LabelSet, NumeralTickFormatter, Range1d, Whisker
from bokeh.plotting import figure

from triage.figure_looks import LEFT, Palette, dress, dress_legend, palette
from triage.light_curve import Limit, Panel, Point

# Of upper limits, in the colour of their filter.
_LIMIT = "inverted_triangle"
# About the colour that each band has in every paper, here as dark, there as light as the page asks for; the shape tells
# filters apart where the eye or the band does not, and the legend says which is which.
_COLOURS = {
    "light": {"violet": "#6a46b8", "blue": "#0b5cad", "green": "#2a7a2e", "cyan": "#08706a", "red": "#b3261e"}
    | {"orange": "#a8480c", "brown": "#6e4a1f", "purple": "#8a3d78", "grey": "#5b6068"},
    "dark": {"violet": "#b6a0ea", "blue": "#8ab8e6", "green": "#8fcf7f", "cyan": "#6cc4bc", "red": "#f08a80"}
    | {"orange": "#e8b06a", "brown": "#c9a583", "purple": "#d49ac6", "grey": "#959087"},
}
_COLOUR_OF = {"uvw2": "purple", "uvm2": "purple", "uvw1": "violet", "u": "violet", "b": "blue", "g": "green"}
_COLOUR_OF |= {"c": "cyan", "v": "green", "r": "red", "o": "orange", "i": "brown", "z": "purple", "y": "grey"}
_SHAPES = ("circle", "square", "triangle", "diamond", "square_pin", "hex", "star", "plus")
_BLUE_TO_RED = ("uvw2", "uvm2", "uvw1", *"ubgcvroizyjhk")
_WORDS = {"mag": "magnitude", "uJy": "flux (µJy)", "flux": "flux"}
_BAND = re.compile(rf"(?:.*[^a-z0-9])?(?:ztf|sdss|ps1|atlas|lsst|des)?({'|'.join(_BLUE_TO_RED)})'?")


def blue_to_red(filters: Iterable[str]) -> list[str]:
    """The filters in the order of their bands; those of no known band after them, by name."""

    def place(name: str) -> tuple[int, str]:
        match = _BAND.fullmatch(name.lower())
        return (_BLUE_TO_RED.index(match[1]) if match else len(_BLUE_TO_RED), name)

    return sorted(set(filters), key=place)


def colour_of(name: str, theme: str) -> str:
    """Of a filter: that of its band; grey for one of no known band, and in the infrared."""
    match = _BAND.fullmatch(name.lower())
    return _COLOURS.get(theme, _COLOURS["light"])[_COLOUR_OF.get(match[1], "grey") if match else "grey"]


def light_curve_figure(panel: Panel, epochs: Sequence[tuple[float, str]], theme: str, filters: Sequence[str]) -> Any:
    """panel: with at least one point or limit. epochs: (mjd, name) of the spectra, marked by upright lines. filters:
    all that the page draws, in one order, so that each looks alike in all its figures."""
    colours = palette(theme)
    values = panel.values
    times = panel.times + [mjd for mjd, _ in epochs]
    room = 0.12 * (max(values) - min(values)) or 0.5
    low, high = min(values) - room, max(values) + room
    margin = 0.04 * (max(times) - min(times)) or 1.0
    plot = figure(
        height=260,
        sizing_mode="stretch_width",
        tools="pan,box_zoom,wheel_zoom,reset",
        active_drag="box_zoom",
        toolbar_location="above",
        x_axis_label="MJD",
        y_axis_label=panel.label,
        x_range=Range1d(min(times) - margin, max(times) + margin),
        y_range=Range1d(high, low) if panel.unit == "mag" else Range1d(low, high),
        min_border_left=LEFT,
        name=f"light curve {panel.unit}",
    )
    plot.toolbar.logo = None
    _draw(plot, panel, filters, theme)
    _draw_epochs(plot, epochs, colours)
    dress(plot, colours)
    dress_legend(plot, colours)
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[0]")
    return plot


def _draw(plot: Any, panel: Panel, filters: Sequence[str], theme: str) -> None:
    points, limits = [], []
    for number, name in enumerate(filters):
        if own := [point for point in panel.points if point[1] == name]:
            points.append(_draw_filter(plot, number, name, own, theme))
        if below := [limit for limit in panel.limits if limit[1] == name]:
            # Without a point of its filter the legend would not tell which one it is.
            words = {} if own else {"legend_label": name}
            limits.append(_draw_limits(plot, name, below, theme, **words))
    shown = [("MJD", "@x{0.000}"), ("filter", "@filter")]
    plot.add_tools(HoverTool(renderers=points, tooltips=[*shown, (_WORDS[panel.unit], "@y{0.000} ± @e{0.000}")]))
    plot.add_tools(HoverTool(renderers=limits, tooltips=[*shown, ("upper limit", "@y{0.000}")]))
    if limits:
        # Drawn nowhere but in the legend, which shows the looks of a first point.
        colour, nowhere = palette(theme).text, [float("nan")]
        plot.scatter(
            nowhere, nowhere, marker=_LIMIT, size=9, line_color=colour, fill_color=None, legend_label="upper limit"
        )


def _draw_filter(plot: Any, number: int, name: str, points: Sequence[Point], theme: str) -> Any:
    colour = colour_of(name, theme)
    errors = [error if error is not None else float("nan") for *_, error in points]
    y = [value for _, _, value, _ in points]
    source = ColumnDataSource(
        {
            "x": [mjd for mjd, *_ in points],
            "y": y,
            "e": errors,
            "lower": [value - error for value, error in zip(y, errors, strict=True)],
            "upper": [value + error for value, error in zip(y, errors, strict=True)],
            "filter": [name] * len(points),
        }
    )
    bars = Whisker(source=source, base="x", lower="lower", upper="upper", line_color=colour, line_alpha=0.6)
    bars.upper_head.size = bars.lower_head.size = 0
    plot.add_layout(bars)
    # A filter after the eighth has another size, so that no two look the same.
    size = 7 + 3 * (number // 8)
    return plot.scatter(
        "x", "y", source=source, marker=_SHAPES[number % 8], size=size, color=colour, alpha=0.85, legend_label=name
    )


def _draw_limits(plot: Any, name: str, limits: Sequence[Limit], theme: str, **options: str) -> Any:
    """Hollow, pointing down to where the transient may be."""
    colour = colour_of(name, theme)
    source = ColumnDataSource(
        {
            "x": [mjd for mjd, *_ in limits],
            "y": [value for *_, value in limits],
            "filter": [name] * len(limits),
        }
    )
    return plot.scatter("x", "y", source=source, marker=_LIMIT, size=9, line_color=colour, fill_color=None, **options)


def _draw_epochs(plot: Any, epochs: Sequence[tuple[float, str]], colours: Palette) -> None:
    source = ColumnDataSource({"x": [mjd for mjd, _ in epochs], "y": [6] * len(epochs), "text": [n for _, n in epochs]})
    plot.vspan("x", source=source, line_color=colours.line, line_dash="dashed", line_width=1.5, name="spectra")
    plot.add_layout(
        LabelSet(
            x="x",
            y="y",
            y_units="screen",
            text="text",
            source=source,
            angle=1.5707963,
            x_offset=12,
            text_font_size="11px",
            text_color=colours.line,
        )
    )
