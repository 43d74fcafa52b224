"""Form fields that several pages share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

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


class RedshiftField(forms.FloatField):
    """Redshift, with a decimal point or a decimal comma; empty means unknown.

    It is a field of text, because browsers drop what does not fit into a field of numbers: 0.0345(12) became 0.034512.
    """

    widget = forms.TextInput(attrs={"inputmode": "decimal"})

    def __init__(self, **kwargs: Any) -> None:
        words = {"invalid": "A redshift is a number such as 0.034."}
        super().__init__(required=False, error_messages=words, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Return the number or None. Raises ValidationError for what is no number."""
        return super().to_python(value.replace(",", ".") if isinstance(value, str) else value)


class MomentField(forms.DateTimeField):
    """Time of an observation in UTC, written year first; empty means unknown."""

    def __init__(self, **kwargs: Any) -> None:
        words = {"invalid": "A date is written as 2026-03-01 or 2026-03-01 05:30, in UTC."}
        # Django's own formats take 09/02/2010 for the 2nd of September.
        formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
        super().__init__(required=False, input_formats=formats, error_messages=words, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        """Return the time or None. Raises ValidationError for what is no date, or lies in the future."""
        moment: datetime | None = super().clean(value)
        if moment is not None and moment > timezone.now() + timedelta(days=1):
            raise forms.ValidationError("This date lies in the future.")
        return moment
