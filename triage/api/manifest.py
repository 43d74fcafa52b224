"""Manifests: tables that state facts about uploaded files."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.input_files import Manifest
from triage.api.base import checked, user_of
from triage.api.errors import error_answers
from triage.errors import TooLargeError
from triage.intake import uploads
from triage.intake.manifest import preview, read_manifest
from triage.models import Scope


class ManifestSerializer(serializers.Serializer[dict[str, Any]]):
    """A manifest, and the names of the files that it shall be matched with."""

    manifest = serializers.FileField()
    file = serializers.ListField(child=serializers.CharField(max_length=255), required=False, default=list)
    upload = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10**18 - 1,
        help_text="Id of an upload of yours that keeps what of the manifest and these files does not match.",
    )


class ManifestPreviewSerializer(serializers.Serializer[dict[str, Any]]):
    """Statements of a manifest about each file, and the rows that belong to none.

    rows_without_file: how many rows describe none of the files, with the first few, in words; empty if there are none.
    unmatched: the same, and the files without a row and the columns that are not known, in words; the upload keeps it.
    refused_rows: line, column and fault of each row that will refuse its file.
    """

    files = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))
    without_row = serializers.ListField(child=serializers.CharField())
    without_file = serializers.ListField(child=serializers.CharField())
    rows_without_file = serializers.CharField()
    unmatched = serializers.CharField()
    unused_columns = serializers.ListField(child=serializers.CharField())
    refused_rows = serializers.ListField(child=serializers.CharField())


class ManifestView(APIView):
    """Preview of a manifest."""

    parser_classes = (MultiPartParser,)
    scope = Scope.UPLOAD

    @extend_schema(request=ManifestSerializer, responses={200: ManifestPreviewSerializer} | error_answers(404, 413))
    def post(self, request: Request) -> Response:
        """Match a manifest with names of files. Nothing is stored, but for a remark with the upload."""
        sent = checked(ManifestSerializer, request.data)
        manifest = manifest_in(sent["manifest"])
        if "upload" in sent:
            upload = uploads.upload_of(user_of(request), sent["upload"])
            uploads.note_unmatched(upload, manifest, sent["file"])
        return Response(preview(manifest, sent["file"]))


def manifest_in(file: Any) -> Manifest:
    """Return the manifest in an uploaded file. Raises InvalidUploadError or TooLargeError."""
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a manifest may have at most {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    return read_manifest(file.name or "manifest", file.read())
