"""Panels below the spectrum on the same wavelengths: the attribution of a class, and the best template."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Label, Range1d
from bokeh.plotting import figure

from classifier.flattening import Comparison
from triage.figures.samples import Array
from triage.figures.style import LEFT, Palette, style_legend, style_wavelengths
from triage.intake.wording import redshift_in_words


@dataclasses.dataclass(frozen=True, eq=False)
class Strip:
    """The attribution of a class, drawn as a strip of bars.

    Attributes:
        class_name: the class.
        wavelength: (n,) Å on the spectrum's axis.
        contribution: (n,) from -1, against the class, to 1, for it.
    """

    class_name: str
    wavelength: Array
    contribution: Array


@dataclasses.dataclass(frozen=True, eq=False)
class Overlay:
    """A template or a named match over the spectrum.

    Attributes:
        comparison: both, flattened as the cross-check compared them.
        name: class of the template, or name of the match.
        redshift: redshift of the match, or None if the spectrum came in the rest frame.
    """

    comparison: Comparison
    name: str
    redshift: float | None

    @property
    def label(self) -> str:
        at = "" if self.redshift is None else f" at z = {redshift_in_words(self.redshift)}"
        return f"{self.name}{at}"


@dataclasses.dataclass(frozen=True, eq=False)
class Host:
    """The host's light within the spectrum.

    Attributes:
        words: what the legend says.
        drawn: (n,) the host at the spectrum's samples, as it is drawn, NaN where it is not known; None if it was taken
            off the spectrum.
    """

    words: str
    drawn: Array | None


def strip_panel(plot: Any, colours: Palette) -> Any:
    """Return an empty panel of bars: upward for the class, downward and hatched against it.

    plot: the spectrum's figure, which gives the range of wavelengths.
    """
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
    style_wavelengths(panel, colours)
    panel.yaxis.major_label_text_color = panel.yaxis.major_tick_line_color = None
    panel.xaxis.visible = False
    panel.ygrid.visible = False
    return panel


def strip_content(strip: Strip) -> dict[str, Any]:
    """Return what fills ``strip_panel``."""
    edges = _edges(strip.wavelength)
    columns = {"left": edges[:-1], "right": edges[1:], "top": strip.contribution}
    return {
        "strip for": {"data": {name: values[strip.contribution > 0] for name, values in columns.items()}},
        "strip against": {"data": {name: values[strip.contribution < 0] for name, values in columns.items()}},
        "strip words": {"text": f"for {strip.class_name}"},
    }


def template_panel(plot: Any, colours: Palette) -> Any:
    """Return an empty panel for the best template over the spectrum.

    Both are drawn without their continuum, so that their lines can be compared whatever their colour and dust.

    plot: the spectrum's figure, which gives the range of wavelengths.
    """
    panel = figure(
        height=190,
        sizing_mode="stretch_width",
        tools="",
        x_range=plot.x_range,
        x_axis_label=None,
        y_axis_label="Over continuum",
        min_border_left=LEFT,
        name="template panel",
    )
    lines = (
        ("difference", colours.raw, 1.0, "difference"),
        ("flattened spectrum", colours.flux, 1.2, "this spectrum"),
        ("template", colours.line, 1.8, "best template"),
    )
    for name, colour, width, label in lines:
        source = ColumnDataSource({"x": [], "y": []}, name=name)
        panel.line("x", "y", source=source, color=colour, line_width=width, legend_label=label)
    panel.legend[0].items[-1].name = "template words"
    panel.toolbar_location = None
    style_wavelengths(panel, colours)
    style_legend(panel, colours)
    return panel


def template_content(overlay: Overlay) -> dict[str, Any]:
    """Return what fills ``template_panel``."""
    drawn = overlay.comparison
    known = np.interp(drawn.wavelength, drawn.template_wavelength, drawn.template, left=np.nan, right=np.nan)
    return {
        "difference": {"data": {"x": drawn.wavelength, "y": drawn.spectrum - known}},
        "flattened spectrum": {"data": {"x": drawn.wavelength, "y": drawn.spectrum}},
        "template": {"data": {"x": drawn.template_wavelength, "y": drawn.template}},
        "template words": {"label": {"type": "value", "value": overlay.label}},
    }


def _edges(centres: Array) -> Array:
    """Return the (n + 1,) edges half-way between (n,) centres."""
    middles = 0.5 * (centres[1:] + centres[:-1])
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])
