"""Figures of the dashboard: the network's probabilities and classes against the vetted classes. No queries."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from classifier.taxonomy import load_taxonomy
from triage.figures.style import Palette, palette, style
from triage.queue.dashboard import Vetted

BINS = 10


@dataclasses.dataclass(frozen=True)
class Bin:
    """Predictions of similar probability.

    count: number of predictions.
    probability: mean of their probabilities.
    right: share of them that was right.
    low, high: 95 % interval of that share (Wilson 1927).
    """

    count: int
    probability: float
    right: float
    low: float
    high: float


def reliability(rows: Sequence[Vetted]) -> list[Bin]:
    """Return the predictions in BINS equal steps of probability, without empty steps."""
    parts: list[list[Vetted]] = [[] for _ in range(BINS)]
    for row in rows:
        parts[min(int(row.probability * BINS), BINS - 1)].append(row)
    return [_bin(part) for part in parts if part]


def _bin(rows: Sequence[Vetted]) -> Bin:
    count = len(rows)
    right = sum(row.predicted == row.class_name for row in rows) / count
    z = 1.96
    middle = (right + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(right * (1 - right) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    mean = sum(row.probability for row in rows) / count
    return Bin(count, mean, right, max(min(middle - half, right), 0.0), min(max(middle + half, right), 1.0))


def reliability_figure(rows: Sequence[Vetted], theme: str) -> Any:
    """Return a figure of the share of right predictions against their probability: a diagonal if calibrated."""
    colours = palette(theme)
    plot = figure(
        height=360,
        sizing_mode="stretch_width",
        tools="save",
        # The dots at either end are shown whole.
        x_range=Range1d(-0.03, 1.03),
        y_range=Range1d(-0.03, 1.03),
        x_axis_label="Probability that the network gave",
        y_axis_label="Share that was vetted as it said",
        name="reliability",
    )
    plot.line([0, 1], [0, 1], color=colours.text, line_dash="dashed", line_alpha=0.6)
    bins = reliability(rows)
    fields = ("probability", "right", "low", "high", "count")
    data = {name: [getattr(part, name) for part in bins] for name in fields}
    data["size"] = [8 + 5 * math.log10(part.count) for part in bins]
    source = ColumnDataSource(data)
    plot.segment("probability", "low", "probability", "high", source=source, color=colours.flux, line_alpha=0.7)
    dots = plot.scatter("probability", "right", size="size", source=source, color=colours.flux)
    tips = [("gave", "@probability{0.00}"), ("right", "@right{0.00}"), ("of", "@count")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    plot.toolbar.autohide = True
    style(plot, colours)
    return plot


def confusion_figure(rows: Sequence[Vetted], theme: str) -> Any:
    """Return a figure with vetted classes in rows and predicted ones in columns.

    The cells hold counts and are shaded by their share of the row.
    """
    colours = palette(theme)
    names = _classes_present(rows)
    plot = figure(
        height=max(360, 90 + 24 * len(names)),
        sizing_mode="stretch_width",
        tools="save",
        x_range=names,
        y_range=names[::-1],
        x_axis_label="The network said",
        y_axis_label="Vetted as",
        name="confusion",
    )
    source = ColumnDataSource(_cells(rows, colours))
    squares = plot.rect(
        "said", "vetted", 0.96, 0.96, source=source, fill_color=colours.flux, fill_alpha="alpha", line_color=None
    )
    plot.text(
        "said", "vetted", "count", source=source, text_align="center", text_baseline="middle",
        text_font_size="12px", text_color="ink",
    )  # fmt: skip
    tips = [("vetted", "@vetted"), ("network", "@said"), ("how often", "@count (@share{0 %})")]
    plot.add_tools(HoverTool(renderers=[squares], tooltips=tips))
    plot.xaxis.major_label_orientation = math.pi / 4
    plot.grid.visible = False
    plot.toolbar.autohide = True
    style(plot, colours)
    return plot


def _classes_present(rows: Sequence[Vetted]) -> list[str]:
    """Return the vetted and predicted classes in the order of the taxonomy; others come last."""
    present = {row.class_name for row in rows} | {row.predicted for row in rows}
    known = [entry.name for entry in load_taxonomy().classes if entry.name in present]
    return known + sorted(present - set(known))


def _cells(rows: Sequence[Vetted], colours: Palette) -> dict[str, list[Any]]:
    """Return the columns of the confusion figure's cells."""
    row_totals = Counter(row.class_name for row in rows)
    counted = Counter((row.class_name, row.predicted) for row in rows)
    shares = [number / row_totals[vetted] for (vetted, _), number in counted.items()]
    return {
        "vetted": [vetted for vetted, _ in counted],
        "said": [said for _, said in counted],
        "count": list(counted.values()),
        "share": shares,
        "alpha": [0.12 + 0.75 * share for share in shares],
        # The number has to stand out from its cell.
        "ink": [colours.background if share > 0.5 else colours.text for share in shares],
    }
