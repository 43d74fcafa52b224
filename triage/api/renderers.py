"""Tables of vetted classifications as CSV and VOTable."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from rest_framework.renderers import BaseRenderer

from triage.export import COLUMNS, csv_lines


class CsvRenderer(BaseRenderer):
    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return "".join(csv_lines(data)).encode()


class VOTableRenderer(BaseRenderer):
    """A VOTable as astropy writes it; unknown numbers are NaN, unknown texts empty."""

    media_type = "application/x-votable+xml"
    format = "votable"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        from astropy.table import Table

        table = Table({column: _column([row[column] for row in data], column) for column in COLUMNS})
        for column, unit in (("ra", "deg"), ("dec", "deg")):
            table[column].unit = unit
        buffer = io.BytesIO()
        table.write(buffer, format="votable")
        return buffer.getvalue()


_NUMBERS = {"redshift", "ra", "dec", "predicted_probability", "predicted_redshift"}


def _column(values: list[Any], name: str) -> np.ndarray:
    if name in _NUMBERS:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if name == "id":
        return np.array(values, dtype=np.int64)
    if name == "simulated":
        return np.array(values, dtype=bool)
    if name == "spectra":
        values = [" ".join(str(item) for item in value) for value in values]
    return np.array(["" if value is None else str(value) for value in values], dtype=str)
