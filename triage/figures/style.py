"""Colours and style that all Bokeh figures share."""

from __future__ import annotations

import dataclasses
from typing import Any

from bokeh.models import NumeralTickFormatter

# Width for the numbers of the flux axis in pixels. It is the same in each panel, so that wavelengths are aligned.
LEFT = 72


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours of a theme, one for each kind of thing that figures draw.

    epochs: colours of the other epochs, in turn; colour-blind eyes tell them apart (after Okabe & Ito).
    """

    background: str
    text: str
    grid: str
    flux: str
    raw: str
    epochs: tuple[str, ...]
    error: str
    line: str
    telluric: str


PALETTES = {
    "light": Palette(
        background="#fbfaf7",
        text="#3a3d42",
        grid="#e4e1d9",
        flux="#0b5cad",
        raw="#b9c9da",
        epochs=("#b98a2f", "#8a3d78", "#08706a", "#a8480c", "#4d6b2f", "#6a46b8"),
        error="#0b5cad",
        line="#9a4a1c",
        telluric="#8a8f98",
    ),
    "dark": Palette(
        background="#14171b",
        text="#b9b4a8",
        grid="#262b31",
        flux="#8ab8e6",
        raw="#3d5873",
        epochs=("#c9a35a", "#d49ac6", "#6cc4bc", "#e0976a", "#a4c383", "#b6a0ea"),
        error="#8ab8e6",
        line="#d08a5e",
        telluric="#8a8f98",
    ),
}


def palette(theme: str) -> Palette:
    """Return the palette of a theme; an unknown theme gets the light one."""
    return PALETTES.get(theme, PALETTES["light"])


def style(plot: Any, colours: Palette) -> None:
    """Give a figure the colours and text sizes that all figures share."""
    plot.background_fill_color = plot.border_fill_color = colours.background
    plot.outline_line_color = None
    plot.grid.grid_line_color = colours.grid
    plot.toolbar.logo = None
    # Bokeh's own dividers are light grey in every theme. On paper there is nothing to press.
    plot.toolbar.stylesheets = [
        f".bk-divider {{ background-color: {colours.grid}; }}",
        "@media print { :host { display: none !important; } }",
    ]
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = colours.grid
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = colours.text
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"


def style_wavelengths(plot: Any, colours: Palette) -> None:
    """Style a panel whose horizontal axis is a wavelength, in whole Å."""
    style(plot, colours)
    plot.min_border_right = 16
    for axis in plot.xaxis:
        axis.formatter = NumeralTickFormatter(format="0")


def style_legend(plot: Any, colours: Palette) -> None:
    """Put the legend above the panel, where it hides no line."""
    for legend in plot.legend:
        legend.orientation, legend.padding, legend.margin = "horizontal", 0, 2
        legend.background_fill_color, legend.border_line_color = None, None
        legend.label_text_color, legend.label_text_font_size = colours.text, "11px"
    plot.add_layout(plot.legend[0], "above")
