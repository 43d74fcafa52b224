"""Upload of spectrum files over REST: one file a request, or many, each with a receipt."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.input_files import COLUMNS, Manifest
from classifier.readers.coordinates import read_degrees
from triage.api.base import checked, group_of, user_of
from triage.api.corrections import CORRECTIONS, CorrectionsSerializer, SubmissionSerializer
from triage.api.errors import OWN_ERRORS, answer_to, error_answers
from triage.api.manifest import manifest_in
from triage.api.schema import answer_example
from triage.errors import TooLargeError
from triage.intake import submit
from triage.intake.manifest import statements
from triage.models import Scope

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


class StatedSerializer(CorrectionsSerializer):
    """Facts about uploaded files, and corrections of the reader's guesses."""

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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields. Unknown ones are ignored, because senders of forms add some of their own."""
        if (attrs.get("ra") is None) != (attrs.get("dec") is None):
            raise serializers.ValidationError("ra and dec come together")
        return attrs


class UploadSerializer(StatedSerializer):
    """One file, and what is stated about it."""

    file = serializers.FileField(allow_empty_file=True)


class BatchSerializer(StatedSerializer):
    """Many files, and what holds for all of them."""

    file = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), min_length=1, help_text="The part “file”, once for each."
    )


class FileLineSerializer(KnownFileSerializer):
    """One line of the answer: what POST spectra/ would answer for this file, with its name and status."""

    file = serializers.CharField()
    status = serializers.ChoiceField(choices=[200, 202, 400, 404, 409, 413, 503])


class BatchView(APIView):
    """Many files in one request."""

    parser_classes = (MultiPartParser,)
    scope = Scope.UPLOAD

    @extend_schema(
        request=BatchSerializer, responses={(200, "application/x-ndjson"): FileLineSerializer} | error_answers(400)
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """Upload up to 500 files. The answer is one line of JSON a file, sent as soon as the file is stored.

        A file that fails costs the others nothing. A file without a line was not stored: send it again, which does no
        harm to those that were.
        """
        sent = checked(BatchSerializer, request.data)
        given, manifest = stated_in(request, sent), manifest_of(sent)
        lines = (_line(request, file, given, manifest) for file in sent["file"])
        return StreamingHttpResponse(lines, content_type="application/x-ndjson; charset=utf-8")


def _line(request: Request, file: UploadedFile[Any], given: submit.Given, manifest: Manifest | None) -> bytes:
    try:
        answer = take_in(request, file, given, manifest)
    except OWN_ERRORS as error:
        answer = answer_to(error)
    return JSONRenderer().render({"file": file.name, "status": answer.status_code, **answer.data}) + b"\n"


def take_in(request: Request, file: UploadedFile[Any], given: submit.Given, manifest: Manifest | None) -> Response:
    """Store one uploaded file for the user, and answer with its receipt.

    given: what was stated with it.
    manifest: table whose row for this file counts first, or None.

    Raises TriageError if the file is refused.
    """
    name = file.name or ""
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have at most {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    if manifest is not None:
        given = statements(manifest.row_of(name), given)
    submission = submit.submit_spectrum(user_of(request), file.read(), name, given)
    shown = SubmissionSerializer if submission.created else KnownFileSerializer
    return Response(shown(submission, context={"request": request}).data, status=202 if submission.created else 200)


def stated_in(request: Request, sent: dict[str, Any]) -> submit.Given:
    """Return what the fields of an upload state. Raises ValidationError for a group that the user is not in."""
    return submit.Given(
        transient=sent.get("transient", "").strip(),
        redshift=sent.get("redshift"),
        observed_at=sent.get("observed_at"),
        instrument=sent.get("instrument", ""),
        ra=sent.get("ra"),
        dec=sent.get("dec"),
        comment=sent.get("comment", ""),
        group=group_of(user_of(request), sent.get("group")),
        corrections={name: sent[name] for name in CORRECTIONS if name in sent},
    )


def manifest_of(sent: dict[str, Any]) -> Manifest | None:
    """Return the manifest among the fields of an upload, or None. Raises InvalidUploadError or TooLargeError."""
    return manifest_in(sent["manifest"]) if "manifest" in sent else None
