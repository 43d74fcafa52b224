"""The request that uploads spectrum files: its fields, how they are submitted, and the answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.input_files import COLUMNS, Manifest
from triage.api.base import group_of, user_of
from triage.api.corrections import CORRECTIONS, CorrectionsSerializer, SubmissionSerializer
from triage.api.errors import answer_to
from triage.api.fields import DegreesField, RedshiftField
from triage.api.manifest import manifest_in
from triage.api.schema import answer_example
from triage.intake import submit, uploads
from triage.intake.suggestions import count_epochs
from triage.models import Upload

_RECEIPT = {"name": "AT2026abc.txt", "format": "text", "wavelength_range": [3800.2, 9198.7], "frame": "observed"}
UPLOAD_EXAMPLES = [
    answer_example(
        "stored",
        {
            "id": 17,
            "state": "queued",
            "transient": "AT2026abc",
            "naming": {"named_by": "file_name", "epochs": 3, "suggestions": []},
            "receipt": _RECEIPT,
            "likely_duplicate_of": None,
            "others": [],
        },
        202,
    ),
    answer_example(
        "in quarantine",
        {
            "code": "no_table",
            "detail": "no columns of numbers were found",
            "receipt": {"name": "AT2026abc.txt"},
            "id": 18,
            "state": "quarantined",
        },
        400,
    ),
]


class KnownFileSerializer(SubmissionSerializer):
    """The answer to a file that was sent before."""

    notes = serializers.ListField(
        child=serializers.CharField(), help_text="What was done with fields that the first upload did not have."
    )
    differences = serializers.DictField(
        child=serializers.ListField(),
        help_text="Facts that were sent and differ from the record: stored and sent value. PATCH or move uses them.",
    )


class StatedSerializer(CorrectionsSerializer):
    """Facts about uploaded files, and corrections of the reader's guesses."""

    transient = serializers.CharField(
        required=False, max_length=120, help_text="Name of the transient; it is made if it does not exist yet."
    )
    redshift = RedshiftField(
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
        help_text="Id of an upload of yours that the files belong to.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields. Unknown ones are ignored, because senders of forms add some of their own."""
        if (attrs.get("ra") is None) != (attrs.get("dec") is None):
            raise serializers.ValidationError("ra and dec come together")
        return attrs


class UploadSerializer(StatedSerializer):
    """One file, and what is stated about it."""

    file = serializers.FileField(allow_empty_file=True)


@dataclasses.dataclass(frozen=True)
class Stated:
    """Statements of a request about its files.

    given: what holds for all of them.
    manifest: table whose row for a file counts first, or None.
    upload: upload that the files belong to, or None.
    """

    given: submit.Given
    manifest: Manifest | None
    upload: Upload | None


def take_in(request: Request, files: Sequence[UploadedFile[Any]], stated: Stated) -> Iterator[tuple[str, Response]]:
    """Store uploaded files for the user, and yield the name of each with the answer, as soon as its chunk is stored."""
    user, context = user_of(request), {"request": request}
    receipts = {True: SubmissionSerializer(context=context), False: KnownFileSerializer(context=context)}
    for chunk in submit.in_chunks((file, file.size or 0) for file in files):
        outcomes = submit.submit_described(user, chunk, stated.manifest, stated.given)
        count_epochs(user, *(outcome.spectrum for outcome in outcomes if isinstance(outcome, submit.Submission)))
        names = [file.name or "" for file in chunk]
        # All of them are noted before the first answer, because the client may leave.
        for name, outcome in zip(names, outcomes, strict=True):
            if stated.upload is not None:
                uploads.note(stated.upload, name, outcome)
        for name, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, submit.Submission):
                receipt = receipts[outcome.created].to_representation(outcome)
                yield name, Response(receipt, status=202 if outcome.created else 200)
            else:
                yield name, answer_to(outcome)


def stated_in(request: Request, sent: dict[str, Any]) -> Stated:
    """Return what the fields of a request state.

    Raises ValidationError for a group that the user is not in, NotFoundError for an upload of somebody else, and
    InvalidUploadError or TooLargeError for the manifest.
    """
    user = user_of(request)
    given = submit.Given(
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
    upload = uploads.upload_of(user, sent["upload"]) if "upload" in sent else None
    if "manifest" not in sent:
        return Stated(given, None, upload)
    with uploads.refusals_noted(upload, sent["manifest"].name):
        return Stated(given, manifest_in(sent["manifest"]), upload)
