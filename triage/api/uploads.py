"""Uploads: files that were sent together, and what came of each."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import FIELDS, NewestFirst, SparseFields, user_of, visible_spectra
from triage.api.errors import error_answers
from triage.api.spectra import SpectrumSerializer
from triage.intake import uploads
from triage.models import Scope, Upload, UploadEntry


class UploadSizeSerializer(SparseFields, serializers.ModelSerializer[Upload]):
    """An upload without its files.

    taken, refused: how many of its entries have a spectrum, and how many have none.
    first_file: name of its first file.
    """

    taken = serializers.IntegerField(read_only=True)
    refused = serializers.IntegerField(read_only=True)
    first_file = serializers.CharField(read_only=True)

    class Meta:
        model = Upload
        fields = ("id", "created_at", "taken", "refused", "first_file")
        read_only_fields = fields


class UploadEntrySerializer(serializers.ModelSerializer[UploadEntry]):
    """One spectrum of an upload, or a file that gave none.

    spectrum: the spectrum as it is now; null if nothing was stored, or if you may not see it any more.
    known: whether the file had been sent before.
    code, detail: why nothing was stored; empty if something was.
    notes: what became of facts that were sent with a known file.
    differences: facts that were sent and differed from the record: recorded and sent value.
    """

    spectrum = SpectrumSerializer(read_only=True, allow_null=True)
    notes = serializers.ListField(child=serializers.CharField(), read_only=True)
    differences = serializers.DictField(child=serializers.ListField(), read_only=True)

    class Meta:
        model = UploadEntry
        fields = ("filename", "spectrum", "known", "code", "detail", "notes", "differences")
        read_only_fields = fields


class UploadRecordSerializer(serializers.ModelSerializer[Upload]):
    """An upload with everything that came of its files, in the order in which they arrived."""

    entries = UploadEntrySerializer(many=True, read_only=True)

    class Meta:
        model = Upload
        fields = ("id", "created_at", "entries")
        read_only_fields = fields


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class UploadsView(generics.ListAPIView[Upload]):
    """Your uploads of which a file arrived, newest first."""

    serializer_class = UploadSizeSerializer
    pagination_class = NewestFirst
    scope = Scope.UPLOAD

    def get_queryset(self) -> QuerySet[Upload]:
        """Return the user's uploads."""
        return Upload.objects.filter(user=user_of(self.request)).arrived()

    @extend_schema(request=None, responses={201: UploadRecordSerializer})
    def post(self, request: Request) -> Response:
        """Begin an upload. Send its id as ``upload`` with each file that belongs to it."""
        upload = Upload.objects.create(user=user_of(request))
        return Response(UploadRecordSerializer(upload).data, status=201)


class UploadView(APIView):
    """One upload."""

    @extend_schema(responses={200: UploadRecordSerializer} | error_answers(404))
    def get(self, request: Request, upload_id: int) -> Response:
        """An upload of yours with its spectra."""
        upload = uploads.upload_of(user_of(request), upload_id)
        return Response(_with_entries(request, upload))


def _with_entries(request: Request, upload: Upload) -> dict[str, Any]:
    spectra: Prefetch[str] = Prefetch("entries__spectrum", visible_spectra(user_of(request)))
    prefetch_related_objects([upload], Prefetch("entries", UploadEntry.objects.order_by("pk")), spectra)
    return dict(UploadRecordSerializer(upload, context={"request": request}).data)
