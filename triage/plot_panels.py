"""What can stand under the spectrum on the same wavelengths: what spoke for the class, and the best template."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Label, Range1d
from bokeh.plotting import figure

from triage.figure_looks import LEFT, Palette, dress, dress_legend
from triage.samples import Array
from triage.template_spectra import Overlay


@dataclasses.dataclass(frozen=True, eq=False)
class Strip:
    """What spoke for a class: wavelength (n,) Å on the spectrum's axis, contribution (n,) from -1, against, to 1."""

    class_name: str
    wavelength: Array
    contribution: Array


def strip_panel(plot: Any, colours: Palette) -> Any:
    """Bars under the spectrum on the same wavelengths: up is for the class, down and hatched against it."""
    panel = figure(
        height=84,
        sizing_mode="stretch_width",
        tools="",
        x_range=plot.x_range,
        y_range=Range1d(-1.05, 1.05),
        min_border_left=LEFT,
        name="strip",
    )
    for name, colour, hatch in (("for", colours.flux, " "), ("against", colours.line, "/")):
        source = ColumnDataSource({"left": [], "right": [], "top": []}, name=f"strip {name}")
        panel.quad(
            left="left",
            right="right",
            bottom=0.0,
            top="top",
            source=source,
            fill_color=colour,
            fill_alpha=0.75,
            line_color=None,
            hatch_pattern=hatch,
            hatch_color=colours.background,
            hatch_weight=0.6,
            hatch_scale=5,
        )
    looks = {"text_font_size": "11px", "text_color": colours.text, "background_fill_color": colours.background}
    for words, name, at, baseline in (("", "strip words", 1.0, "top"), ("against", "strip other", -1.0, "bottom")):
        place = {"x": 4, "y": at, "x_units": "screen", "text_baseline": baseline, "background_fill_alpha": 0.7}
        panel.add_layout(Label(text=words, name=name, **place, **looks))
    panel.toolbar_location = None
    dress(panel, colours)
    panel.yaxis.major_label_text_color = panel.yaxis.major_tick_line_color = None
    panel.xaxis.visible = False
    panel.ygrid.visible = False
    return panel


def strip_content(strip: Strip) -> dict[str, Any]:
    edges = _edges(strip.wavelength)
    columns = {"left": edges[:-1], "right": edges[1:], "top": strip.contribution}
    return {
        "strip for": {"data": {name: values[strip.contribution > 0] for name, values in columns.items()}},
        "strip against": {"data": {name: values[strip.contribution < 0] for name, values in columns.items()}},
        "strip words": {"text": f"for {strip.class_name}"},
    }


def template_panel(plot: Any, colours: Palette) -> Any:
    """The best template over the spectrum on the same wavelengths, both without their continuum, so that their lines
    can be compared whatever their colour and dust."""
    panel = figure(
        height=190,
        sizing_mode="stretch_width",
        tools="",
        x_range=plot.x_range,
        x_axis_label=None,
        y_axis_label="Over continuum",
        min_border_left=LEFT,
        name="template",
    )
    source = ColumnDataSource({"x": [], "spectrum": [], "template": []}, name="template lines")
    panel.line("x", "spectrum", source=source, color=colours.flux, line_width=1.2, legend_label="this spectrum")
    panel.line("x", "template", source=source, color=colours.line, line_width=1.8, legend_label="the best template")
    panel.legend[0].items[1].name = "template words"
    panel.toolbar_location = None
    dress(panel, colours)
    dress_legend(panel, colours)
    return panel


def template_content(found: Overlay) -> dict[str, Any]:
    data = {"x": found.wavelength, "spectrum": found.spectrum, "template": found.template}
    return {
        "template lines": {"data": data},
        "template words": {"label": {"type": "value", "value": found.label}},
    }


def _edges(centres: Array) -> Array:
    """(n,) centres → (n + 1,) edges half-way between them."""
    middles = 0.5 * (centres[1:] + centres[:-1])
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])
