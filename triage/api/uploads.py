"""Uploads: files that were sent together, and what came of each."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from triage.api.base import FIELDS, NewestFirst, SparseFields, user_of, visible_spectra
from triage.api.errors import error_answers
from triage.api.spectra import SpectrumSerializer
from triage.intake import uploads
from triage.models import Scope, Upload, UploadEntry


class UploadSizeSerializer(SparseFields, serializers.ModelSerializer[Upload]):
    """An upload without its files.

    taken, refused: how many of its entries have a spectrum, and how many have none. A spectrum that you may
        not see any more counts as neither.
    first_file: name of its first file.
    """

    taken = serializers.IntegerField(read_only=True)
    refused = serializers.IntegerField(read_only=True)
    first_file = serializers.CharField(read_only=True)

    class Meta:
        model = Upload
        fields = ("id", "created_at", "taken", "refused", "first_file")
        read_only_fields = fields


class UploadEntrySerializer(SparseFields, serializers.ModelSerializer[UploadEntry]):
    """One spectrum of an upload, a file that gave none, or a remark on a manifest (code “rows_without_file”).

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


class BegunUploadSerializer(serializers.ModelSerializer[Upload]):
    """An upload that has begun."""

    class Meta:
        model = Upload
        fields = ("id", "created_at")
        read_only_fields = fields


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class UploadsView(generics.ListAPIView[Upload]):
    """Your uploads of which a file arrived, newest first."""

    serializer_class = UploadSizeSerializer
    pagination_class = NewestFirst
    scope = Scope.UPLOAD

    def get_queryset(self) -> QuerySet[Upload]:
        """Return the user's uploads."""
        return Upload.objects.arrived(user_of(self.request))

    @extend_schema(request=None, responses={201: BegunUploadSerializer})
    def post(self, request: Request) -> Response:
        """Begin an upload. Send its id as ``upload`` with each file that belongs to it."""
        upload = Upload.objects.create(user=user_of(request))
        return Response(BegunUploadSerializer(upload).data, status=201)


class FirstArrivalFirst(NewestFirst):
    """Pages in the order of arrival, which stays as it is while more files arrive."""

    ordering = ("id",)


@extend_schema_view(
    get=extend_schema(
        operation_id="uploads_entries_list",
        parameters=[FIELDS],
        responses={200: UploadEntrySerializer(many=True)} | error_answers(404),
    )
)
class UploadView(generics.ListAPIView[UploadEntry]):
    """The results of the files of an upload of yours, in the order in which they arrived."""

    serializer_class = UploadEntrySerializer
    pagination_class = FirstArrivalFirst

    def get_queryset(self) -> QuerySet[UploadEntry]:
        """Return the entries, each with its spectrum if the user may see it."""
        user = user_of(self.request)
        upload = uploads.upload_of(user, self.kwargs["upload_id"])
        spectra: Prefetch[str] = Prefetch("spectrum", visible_spectra(user))
        return UploadEntry.objects.filter(upload=upload).prefetch_related(spectra)
