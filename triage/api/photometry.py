"""Light curves of transients."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import light_curve
from triage.api import examples
from triage.api.base import FIELDS, NewestFirst, SparseFields, group_of, transient_of, user_of
from triage.api.serializers import ErrorSerializer
from triage.models import Photometry, Scope

_ERRORS = {400: ErrorSerializer, 404: ErrorSerializer}


class PhotometrySerializer(SparseFields, serializers.ModelSerializer[Photometry]):
    """The light curve of one file, or of a SkyPortal, which has ``fetched_at``. group: null, for everybody who sees the
    transient. unit: of a file's fluxes without one, “flux”."""

    transient = serializers.CharField(source="transient.name", read_only=True)
    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    uploaded_by = serializers.CharField(source="uploaded_by.username", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Photometry
        fields = ("id", "transient", "group", "uploaded_by", "filename", "sha256", "unit", "fetched_at", "created_at")
        read_only_fields = fields


class PointSerializer(serializers.Serializer[Any]):
    """value and error (1σ, null where it is not given) in the light curve's unit."""

    mjd = serializers.FloatField()
    filter = serializers.CharField()
    value = serializers.FloatField()
    error = serializers.FloatField(allow_null=True)


class LimitSerializer(serializers.Serializer[Any]):
    """Nothing was seen that was brighter than the value."""

    mjd = serializers.FloatField()
    filter = serializers.CharField()
    value = serializers.FloatField()


class LightCurveSerializer(PhotometrySerializer):
    points = serializers.SerializerMethodField(help_text="in order of time")
    limits = serializers.SerializerMethodField(help_text="upper limits, in order of time")

    class Meta(PhotometrySerializer.Meta):
        fields = (*PhotometrySerializer.Meta.fields, "points", "limits")  # type: ignore[assignment]

    @extend_schema_field(PointSerializer(many=True))
    def get_points(self, row: Photometry) -> list[dict[str, Any]]:
        return [dict(zip(("mjd", "filter", "value", "error"), point, strict=True)) for point in row.points]

    @extend_schema_field(LimitSerializer(many=True))
    def get_limits(self, row: Photometry) -> list[dict[str, Any]]:
        return [dict(zip(("mjd", "filter", "value"), limit, strict=True)) for limit in row.limits]


class TakenLightCurveSerializer(LightCurveSerializer):
    skipped = serializers.SerializerMethodField(help_text="lines with neither brightness nor limit")

    class Meta(LightCurveSerializer.Meta):
        fields = (*LightCurveSerializer.Meta.fields, "skipped")  # type: ignore[assignment]

    def get_skipped(self, row: Photometry) -> int:
        number: int = self.context["skipped"]
        return number


class PhotometryUploadSerializer(serializers.Serializer[dict[str, Any]]):
    """A table with a header: mjd (or jd), filter, mag or flux, error."""

    file = serializers.FileField(allow_empty_file=True)
    group = serializers.CharField(required=False, help_text="name of one of your groups; without it, for everybody")


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class PhotometriesView(generics.ListAPIView[Photometry]):
    """Light curves of a transient, newest first, without their points."""

    serializer_class = PhotometrySerializer
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser, FormParser)
    scope = Scope.UPLOAD

    def get_queryset(self) -> QuerySet[Photometry]:
        if getattr(self, "swagger_fake_view", False):
            return Photometry.objects.none()
        transient = transient_of(self.request, self.kwargs["name"])
        rows: QuerySet[Photometry] = Photometry.objects.visible_to(user_of(self.request)).filter(transient=transient)
        return rows.select_related("transient", "group", "uploaded_by").defer("points", "limits")

    @extend_schema(
        request=PhotometryUploadSerializer,
        responses={201: TakenLightCurveSerializer, **_ERRORS},
        examples=examples.LIGHT_CURVE,
    )
    def post(self, request: Request, name: str) -> Response:
        """Take a file in; the same file once more is answered with the first one's record."""
        transient = transient_of(request, name)
        form = PhotometryUploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent, user = form.validated_data, user_of(request)
        group = group_of(user, sent.get("group", ""))
        row, skipped = light_curve.add(user, transient, sent["file"].read(), sent["file"].name, group)
        return Response(TakenLightCurveSerializer(row, context={"skipped": skipped}).data, status=201)


class PhotometryView(APIView):
    scope = Scope.UPLOAD

    @extend_schema(parameters=[FIELDS], responses={200: LightCurveSerializer, 404: ErrorSerializer})
    def get(self, request: Request, photometry_id: int) -> Response:
        """One light curve with its points."""
        row = Photometry.objects.visible_to(user_of(request)).filter(pk=photometry_id).first()
        if row is None:
            raise NotFound("there is no such light curve")
        return Response(LightCurveSerializer(row, context={"request": request}).data)

    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, photometry_id: int) -> Response:
        """Remove one that you sent."""
        light_curve.remove(user_of(request), photometry_id)
        return Response(status=204)
