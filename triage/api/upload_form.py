"""The request that uploads a spectrum file: its fields, and how they are submitted."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework import serializers

from classifier.input_files import COLUMNS
from classifier.readers.coordinates import read_degrees
from triage.api.base import group_of
from triage.api.corrections import CORRECTIONS, CorrectionsSerializer
from triage.api.manifest import manifest_in
from triage.errors import TooLargeError
from triage.intake import submit
from triage.intake.manifest import statements


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


class UploadSerializer(CorrectionsSerializer):
    """One file, facts about it, and corrections of the reader's guesses."""

    file = serializers.FileField(allow_empty_file=True)
    transient = serializers.CharField(
        required=False, max_length=120, help_text="Name of the transient; it is made if it does not exist yet."
    )
    redshift = serializers.FloatField(
        required=False, allow_null=True, help_text="Known redshift. The network uses it to classify the spectrum."
    )
    observed_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Time of observation, UTC.")
    instrument = serializers.CharField(required=False, max_length=120, allow_blank=True)
    ra = DegreesField(required=False, allow_null=True, hour=15, help_text="Degrees, or 12:34:56.7; ICRS.")
    dec = DegreesField(required=False, allow_null=True, hour=1, help_text="Degrees, or -12:34:56; ICRS.")
    comment = serializers.CharField(required=False, max_length=2000, allow_blank=True)
    manifest = serializers.FileField(
        required=False,
        help_text="CSV with the column file and any of " + ", ".join(COLUMNS) + "; its row counts first.",
    )
    group = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="One of your groups, whose members alone see the spectrum; “only me”; or “everybody”, which is the "
        "default unless one of your groups is private by default.",
    )
    upload = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10**18 - 1,
        help_text="Id of an upload of yours that the file belongs to.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields. Unknown ones are ignored, because senders of forms add some of their own."""
        if (attrs.get("ra") is None) != (attrs.get("dec") is None):
            raise serializers.ValidationError("ra and dec come together")
        return attrs


def submit_sent(user: User, sent: dict[str, Any]) -> submit.Submission:
    """Submit the file of a request.

    sent: request as UploadSerializer reads it.

    Raises what ``submit_spectrum`` raises, TooLargeError for a file that is too long, and InvalidUploadError for a
    manifest that cannot be read.
    """
    file, given = sent["file"], _given(user, sent)
    if file.size > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have at most {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    if "manifest" in sent:
        given = statements(manifest_in(sent["manifest"]).row_of(file.name), given)
    return submit.submit_spectrum(user, file.read(), file.name, given)


def _given(user: User, sent: dict[str, Any]) -> submit.Given:
    return submit.Given(
        transient=sent.get("transient", "").strip(),
        redshift=sent.get("redshift"),
        observed_at=sent.get("observed_at"),
        instrument=sent.get("instrument", ""),
        ra=sent.get("ra"),
        dec=sent.get("dec"),
        comment=sent.get("comment", ""),
        group=group_of(user, sent.get("group")),
        corrections={name: sent[name] for name in CORRECTIONS if name in sent},
    )
