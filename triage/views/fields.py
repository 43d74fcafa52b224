"""Form fields that several pages share."""

from __future__ import annotations

from typing import Any

from django import forms

from classifier.readers.coordinates import read_degrees


class DegreesField(forms.CharField):
    """Coordinate in degrees, or in sexagesimal units of so many degrees; empty means unknown."""

    def __init__(self, hour: float, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=30, **kwargs)
        self.hour = hour

    def clean(self, value: Any) -> float | None:
        """Return degrees or None. Raises ValidationError for what is no coordinate."""
        text = " ".join(str(value or "").split())
        degrees = read_degrees(text, self.hour)
        if text and degrees is None:
            raise forms.ValidationError("A coordinate is in degrees, or sexagesimal as in 12:34:56.7 or -12:34:56.")
        return degrees
