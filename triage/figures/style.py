"""Colours and style that all Bokeh figures share."""

from __future__ import annotations

import dataclasses
from typing import Any

from bokeh.models import NumeralTickFormatter

# Width for the numbers of the flux axis in pixels. It is the same in each panel, so that wavelengths are aligned.
LEFT = 72


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours of a theme, one for each kind of thing that figures draw."""

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


def palette(theme: str) -> Palette:
    """Return the palette of a theme; an unknown theme gets the light one."""
    return PALETTES.get(theme, PALETTES["light"])


def style(plot: Any, colours: Palette) -> None:
    """Give a figure the colours and text sizes that all figures share."""
    plot.background_fill_color = plot.border_fill_color = colours.background
    plot.outline_line_color = None
    plot.grid.grid_line_color = colours.grid
    plot.toolbar.logo = None
    # Bokeh's own dividers are light grey in every theme.
    plot.toolbar.stylesheets = [f".bk-divider {{ background-color: {colours.grid}; }}"]
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
