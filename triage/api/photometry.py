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

from triage.api.base import FIELDS, NewestFirst, SparseFields, checked, group_of, transient_of, user_of
from triage.api.errors import error_answers
from triage.api.schema import answer_example
from triage.intake import light_curve_identity, photometry
from triage.models import Photometry, Scope

_EXAMPLES = [
    answer_example(
        "taken in",
        {
            "id": 3,
            "transient": "AT2026abc",
            "group": None,
            "uploaded_by": "ann",
            "filename": "AT2026abc.csv",
            "sha256": "9f2c41d0a7",
            "unit": "mag",
            "fetched_at": None,
            "created_at": "2026-11-23T04:05:06.789012Z",
            "points": [{"mjd": 61000.1, "filter": "r", "value": 18.1, "error": 0.1}],
            "limits": [{"mjd": 60999.1, "filter": "r", "value": 20.5}],
            "skipped": 0,
            "warnings": [],
        },
        201,
    )
]


class PhotometrySerializer(SparseFields, serializers.ModelSerializer[Photometry]):
    """A light curve without its points.

    group: the group that may see it, null for everybody who sees the transient.
    unit: mag, uJy, or flux if the file does not give the unit.
    fetched_at: when it was fetched from a SkyPortal, null for an uploaded file.
    """

    transient = serializers.CharField(source="transient.name", read_only=True)
    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    uploaded_by = serializers.CharField(source="uploaded_by.username", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Photometry
        fields: tuple[str, ...] = (
            "id",
            "transient",
            "group",
            "uploaded_by",
            "filename",
            "sha256",
            "unit",
            "fetched_at",
            "created_at",
        )
        read_only_fields = fields


class PointSerializer(serializers.Serializer[dict[str, Any]]):
    """A measurement. value and error (1σ, null if it is not given) are in the light curve's unit."""

    mjd = serializers.FloatField()
    filter = serializers.CharField()
    value = serializers.FloatField()
    error = serializers.FloatField(allow_null=True)


class LimitSerializer(serializers.Serializer[dict[str, Any]]):
    """An upper limit: nothing brighter than the value was seen."""

    mjd = serializers.FloatField()
    filter = serializers.CharField()
    value = serializers.FloatField()


class LightCurveSerializer(PhotometrySerializer):
    """A light curve with its points."""

    points = serializers.SerializerMethodField(help_text="Measurements in order of time.")
    limits = serializers.SerializerMethodField(help_text="Upper limits in order of time.")

    class Meta(PhotometrySerializer.Meta):
        fields = (*PhotometrySerializer.Meta.fields, "points", "limits")

    @extend_schema_field(PointSerializer(many=True))
    def get_points(self, row: Photometry) -> list[dict[str, Any]]:
        """Return the measurements."""
        return [dict(zip(("mjd", "filter", "value", "error"), point, strict=True)) for point in row.points]

    @extend_schema_field(LimitSerializer(many=True))
    def get_limits(self, row: Photometry) -> list[dict[str, Any]]:
        """Return the upper limits."""
        return [dict(zip(("mjd", "filter", "value"), limit, strict=True)) for limit in row.limits]


class TakenLightCurveSerializer(LightCurveSerializer):
    """A light curve that was just taken in."""

    skipped = serializers.SerializerMethodField(help_text="Number of lines without a brightness or a limit.")
    warnings = serializers.SerializerMethodField(
        help_text="Whether the file is of another place (place_differs) or object (names_differ): code and message."
    )

    class Meta(LightCurveSerializer.Meta):
        fields = (*LightCurveSerializer.Meta.fields, "skipped", "warnings")

    def get_skipped(self, row: Photometry) -> int:
        """Return the number of skipped lines."""
        skipped: int = self.context["skipped"]
        return skipped

    def get_warnings(self, row: Photometry) -> list[dict[str, str]]:
        """Return what speaks against the light curve being the transient's."""
        warnings: list[dict[str, str]] = self.context["warnings"]
        return warnings


class PhotometryUploadSerializer(serializers.Serializer[dict[str, Any]]):
    """A table with a header: mjd (or jd), filter, mag or flux, error."""

    file = serializers.FileField(allow_empty_file=True)
    group = serializers.CharField(
        required=False, help_text="One of your groups. Only its members see it; everybody does if no group is given."
    )


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class PhotometriesView(generics.ListAPIView[Photometry]):
    """Light curves of a transient, newest first, without their points."""

    serializer_class = PhotometrySerializer
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser, FormParser)
    scope = Scope.UPLOAD

    def get_queryset(self) -> QuerySet[Photometry]:
        """Return the light curves of the transient that the user may see."""
        transient = transient_of(self.request, self.kwargs["name"])
        rows = Photometry.objects.visible_to(user_of(self.request)).filter(transient=transient)
        return rows.select_related("transient", "group", "uploaded_by").defer("points", "limits")

    @extend_schema(
        request=PhotometryUploadSerializer,
        responses={201: TakenLightCurveSerializer} | error_answers(400, 404),
        examples=_EXAMPLES,
    )
    def post(self, request: Request, name: str) -> Response:
        """Upload the file of a light curve. The same file again is answered with the first record."""
        transient = transient_of(request, name)
        sent, user = checked(PhotometryUploadSerializer, request.data), user_of(request)
        group = group_of(user, sent.get("group"))
        content, filename = sent["file"].read(), sent["file"].name
        row, skipped = photometry.add(user, transient, content, filename, group)
        warnings = light_curve_identity.doubts(user, transient, content, filename)
        context = {"skipped": skipped, "warnings": warnings}
        return Response(TakenLightCurveSerializer(row, context=context).data, status=201)


class PhotometryView(APIView):
    """One light curve."""

    scope = Scope.UPLOAD

    @extend_schema(parameters=[FIELDS], responses={200: LightCurveSerializer} | error_answers(404))
    def get(self, request: Request, photometry_id: int) -> Response:
        """One light curve with its points."""
        row = Photometry.objects.visible_to(user_of(request)).filter(pk=photometry_id).first()
        if row is None:
            raise NotFound("there is no such light curve")
        return Response(LightCurveSerializer(row, context={"request": request}).data)

    @extend_schema(responses={204: None} | error_answers(404))
    def delete(self, request: Request, photometry_id: int) -> Response:
        """Remove a light curve that you sent."""
        photometry.remove(user_of(request), photometry_id)
        return Response(status=204)
