"""Figures of the night: the network's probabilities and classes against what reviewers vetted. No queries."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from classifier.taxonomy import load_taxonomy
from triage.figure_looks import palette
from triage.night import Vetted

BINS = 10


@dataclasses.dataclass(frozen=True)
class Bin:
    """Predictions of similar probability: its mean, the share that was right, its 95 % interval after Wilson."""

    count: int
    probability: float
    right: float
    low: float
    high: float


def reliability(rows: Sequence[Vetted]) -> list[Bin]:
    """In BINS equal steps of probability, the empty ones left out."""
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
    """Share of right predictions against their probability; on the diagonal where they are calibrated."""
    colours = palette(theme)
    plot = figure(
        height=360,
        sizing_mode="stretch_width",
        tools="save",
        # Room for the whole dot at either end.
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
    return _finish(plot, colours)


def confusion_figure(rows: Sequence[Vetted], theme: str) -> Any:
    """Vetted classes in rows, the network's in columns, counts in the cells, shaded by their share of the row."""
    colours = palette(theme)
    counted = Counter((row.class_name, row.predicted) for row in rows)
    present = {name for pair in counted for name in pair}
    order = [entry.name for entry in load_taxonomy().classes if entry.name in present]
    names = order + sorted(present - set(order))
    of_row = Counter(row.class_name for row in rows)
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
    cells = [(vetted, said, number, number / of_row[vetted]) for (vetted, said), number in counted.items()]
    source = ColumnDataSource(
        {
            "vetted": [cell[0] for cell in cells],
            "said": [cell[1] for cell in cells],
            "count": [cell[2] for cell in cells],
            "share": [cell[3] for cell in cells],
            "alpha": [0.12 + 0.75 * cell[3] for cell in cells],
            # Text must be told from its cell.
            "ink": [colours.background if cell[3] > 0.5 else colours.text for cell in cells],
        }
    )
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
    return _finish(plot, colours)


def _finish(plot: Any, colours: Any) -> Any:
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.background_fill_color = plot.border_fill_color = colours.background
    plot.outline_line_color = None
    plot.grid.grid_line_color = colours.grid
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = colours.grid
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = colours.text
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
    return plot
