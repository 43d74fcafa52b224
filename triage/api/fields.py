"""Fields that several requests share."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from classifier.readers.coordinates import read_degrees


class DegreesField(serializers.FloatField):
    """Coordinate in degrees, or in sexagesimal units.

    hour: degrees in the first unit of the sexagesimal text.
    """

    def __init__(self, *, hour: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hour = hour

    def to_internal_value(self, data: Any) -> float:
        """Return degrees. Raises ValidationError for what is no coordinate."""
        degrees = read_degrees(" ".join(str(data).split()), self.hour)
        return super().to_internal_value(data if degrees is None else degrees)


class RedshiftField(serializers.FloatField):
    """Redshift; a text may have a decimal comma, as on the pages and in manifests."""

    default_error_messages: ClassVar = {"invalid": "A redshift is a number such as 0.034."}

    def to_internal_value(self, data: Any) -> float:
        """Return the number. Raises ValidationError for what is none."""
        return super().to_internal_value(data.replace(",", ".") if isinstance(data, str) else data)
