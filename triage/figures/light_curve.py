"""The figure of a transient's light curve."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bokeh.models import ColumnDataSource, HoverTool, LabelSet, NumeralTickFormatter, Range1d, Title, Whisker
from bokeh.plotting import figure

from classifier.bands import BLUE_TO_RED, band_of
from triage.figures.style import LEFT, Palette, palette, style, style_legend
from triage.intake.light_curve_table import Limit, Point, Unit

if TYPE_CHECKING:
    from triage.models import Photometry


# An error of more than so many usual ones is large. A detection has so many sigma, which is an error in magnitudes too.
_LARGE_ERROR, _DETECTED = 4.0, 3.0
_DETECTED_MAG = 1.086 / _DETECTED
# A page draws so many filters, because each takes some 40 ms. A survey has six, and a column of other texts thousands.
MOST_FILTERS = 40
# Marker of upper limits.
_LIMIT = "inverted_triangle"
# Each band has about the colour that papers give it, dark or light as the theme needs. Shapes tell filters apart that
# share a colour, and the legend names them.
_COLOURS = {
    "light": {"violet": "#6a46b8", "blue": "#0b5cad", "green": "#2a7a2e", "cyan": "#08706a", "red": "#b3261e"}
    | {"orange": "#a8480c", "brown": "#6e4a1f", "purple": "#8a3d78", "grey": "#5b6068"},
    "dark": {"violet": "#b6a0ea", "blue": "#8ab8e6", "green": "#8fcf7f", "cyan": "#6cc4bc", "red": "#f08a80"}
    | {"orange": "#e8b06a", "brown": "#c9a583", "purple": "#d49ac6", "grey": "#959087"},
}
_COLOUR_OF = {"uvw2": "purple", "uvm2": "purple", "uvw1": "violet", "u": "violet", "b": "blue", "g": "green"}
_COLOUR_OF |= {"c": "cyan", "v": "green", "r": "red", "o": "orange", "i": "brown", "z": "purple", "y": "grey"}
_SHAPES = ("circle", "square", "triangle", "diamond", "square_pin", "hex", "star", "plus")
_WORDS = {"mag": "magnitude", "uJy": "flux (µJy)", "flux": "flux"}
_AXES: dict[Unit, str] = {"mag": "Magnitude", "uJy": "Flux (µJy)"}


@dataclasses.dataclass(frozen=True)
class Panel:
    """Points and limits that share one axis.

    unit: unit of the brightness.
    label: text of the axis.
    points, limits: as triage.intake.light_curve_table reads them.
    left_out: number of filters of the whole page that are not drawn, which its first panel says.
    """

    unit: Unit
    label: str
    points: list[Point]
    limits: list[Limit]
    left_out: int = 0

    @property
    def times(self) -> list[float]:
        return [point[0] for point in self.points] + [limit[0] for limit in self.limits]

    @property
    def filters(self) -> list[str]:
        return [point[1] for point in self.points] + [limit[1] for limit in self.limits]

    @property
    def values(self) -> list[float]:
        """Values that the axis holds: limits, and the points that weigh something, or all points if none does."""
        errors = [error for *_, error in self.points if error is not None]
        large = _LARGE_ERROR * statistics.median(errors) if errors else math.inf
        weighed = [point for point in self.points if _weighs(point, large, self.unit)]
        return [point[2] for point in weighed or self.points] + [limit[2] for limit in self.limits]


def _weighs(point: Point, large: float, unit: Unit) -> bool:
    """Tell whether a point says where the brightness is: it has no large error, or it is a detection in spite of it."""
    _, _, value, error = point
    if error is None or error <= large:
        return True
    return error < _DETECTED_MAG if unit == "mag" else value >= _DETECTED * error


def panels(rows: Iterable[Photometry]) -> list[Panel]:
    """Return the panels of a transient's light curves.

    Magnitudes share one panel and microjanskys another. Each file with an unknown unit of flux has its own. If there
    are more than MOST_FILTERS filters, those with the most points and limits are kept.
    """
    together = {unit: Panel(unit, label, [], []) for unit, label in _AXES.items()}
    alone = []
    for row in rows:
        if row.unit == "flux":
            alone.append(Panel("flux", f"Flux of {row.filename}, unit not given", row.points, row.limits))
            continue
        panel = together["uJy" if row.unit == "uJy" else "mag"]
        panel.points.extend(row.points)
        panel.limits.extend(row.limits)
    return _with_fewer_filters([*together.values(), *alone])


def _with_fewer_filters(found: list[Panel]) -> list[Panel]:
    counted = Counter((number, name) for number, panel in enumerate(found) for name in panel.filters)
    kept = {filter_ for filter_, _ in counted.most_common(MOST_FILTERS)}
    drawn = [
        dataclasses.replace(
            panel,
            points=[point for point in panel.points if (number, point[1]) in kept],
            limits=[limit for limit in panel.limits if (number, limit[1]) in kept],
        )
        for number, panel in enumerate(found)
        if not kept.isdisjoint((number, name) for name in panel.filters)
    ]
    return [dataclasses.replace(drawn[0], left_out=len(counted) - len(kept)), *drawn[1:]] if drawn else []


def blue_to_red(filters: Iterable[str]) -> list[str]:
    """Return the filters in the order of their bands; filters of an unknown band come last, by name."""

    def place(name: str) -> tuple[int, str]:
        band = band_of(name)
        return (BLUE_TO_RED.index(band) if band else len(BLUE_TO_RED), name)

    return sorted(set(filters), key=place)


def colour_of(name: str, theme: str) -> str:
    """Return the colour of a filter's band; grey for an unknown or infrared band."""
    return _COLOURS.get(theme, _COLOURS["light"])[_COLOUR_OF.get(band_of(name) or "", "grey")]


def light_curve_figure(panel: Panel, epochs: Sequence[tuple[float, str]], theme: str, filters: Sequence[str]) -> Any:
    """Return the figure of one panel.

    panel: has at least one point or limit.
    epochs: time (MJD) and name of each spectrum, marked by a vertical line.
    filters: all filters on the page, so that each looks the same in all its figures.
    """
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
    for words in _remarks(panel, low, high):
        plot.add_layout(
            Title(text=words, text_color=colours.text, text_font_size="11px", text_font_style="normal"), "above"
        )
    _draw(plot, panel, filters, theme)
    _draw_epochs(plot, epochs, colours)
    style(plot, colours)
    plot.min_border_right = 16
    style_legend(plot, colours)
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[0]")
    return plot


def _remarks(panel: Panel, low: float, high: float) -> list[str]:
    """Return what a panel does not show, in words.

    low, high: range of its axis.
    """
    remarks = []
    if outside := sum(not low <= point[2] <= high for point in panel.points):
        remarks.append(f"{outside} point{'' if outside == 1 else 's'} with large errors outside of the axis")
    if panel.left_out:
        remarks.append(f"{panel.left_out} filter{'' if panel.left_out == 1 else 's'} with fewer points not drawn")
    return remarks


def _draw(plot: Any, panel: Panel, filters: Sequence[str], theme: str) -> None:
    points, limits = [], []
    for number, name in enumerate(filters):
        if own := [point for point in panel.points if point[1] == name]:
            points.append(_draw_filter(plot, number, name, own, theme))
        if below := [limit for limit in panel.limits if limit[1] == name]:
            # If the filter has no point, the limits bring its name into the legend.
            words = {} if own else {"legend_label": name}
            limits.append(_draw_limits(plot, name, below, theme, **words))
    shown = [("MJD", "@x{0.000}"), ("filter", "@filter")]
    plot.add_tools(HoverTool(renderers=points, tooltips=[*shown, (_WORDS[panel.unit], "@y{0.000} ± @e{0.000}")]))
    plot.add_tools(HoverTool(renderers=limits, tooltips=[*shown, ("upper limit", "@y{0.000}")]))
    if limits:
        # This draws nothing but the legend's entry for limits.
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
    # From the ninth filter on, shapes repeat in another size.
    size = 7 + 3 * (number // 8)
    return plot.scatter(
        "x", "y", source=source, marker=_SHAPES[number % 8], size=size, color=colour, alpha=0.85, legend_label=name
    )


def _draw_limits(plot: Any, name: str, limits: Sequence[Limit], theme: str, **options: str) -> Any:
    """Draw upper limits as hollow triangles that point down."""
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
