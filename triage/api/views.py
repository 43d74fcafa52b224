"""The endpoints: each reads its request, calls one verb, answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotAuthenticated, NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import export, intake, queue, review
from triage.api import serializers
from triage.api.renderers import CsvRenderer, VOTableRenderer
from triage.arrays import unpack
from triage.errors import TooLargeError
from triage.models import Decision, Spectrum, SpectrumArrays, Transient
from triage.querysets import SpectrumQuerySet

CORRECTIONS = (
    "wavelength_unit",
    "flux_kind",
    "third_column",
    "frame",
    "medium",
    "wavelength_column",
    "flux_column",
)
_ERRORS = {400: serializers.ErrorSerializer, 404: serializers.ErrorSerializer}


def user_of(request: Request) -> User:
    """The signed-in user; the permission classes have made sure that there is one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class NewestFirst(CursorPagination):
    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering: tuple[str, ...] = ("-id",)


class QueueOrder(NewestFirst):
    ordering = ("-uncertainty", "id")


class ClassificationOrder(NewestFirst):
    ordering = ("-decided_at", "-id")


class IndexView(APIView):
    """Where things are."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        names = ("spectra", "transients", "queue", "classifications", "schema")
        return Response({name: request.build_absolute_uri(f"/api/v1/{name}/") for name in names})


class SpectraView(generics.ListAPIView[Spectrum]):
    """Upload a spectrum file, or list the spectra you may see."""

    serializer_class = serializers.SpectrumSerializer
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser, FormParser)

    def get_queryset(self) -> QuerySet[Spectrum]:
        if getattr(self, "swagger_fake_view", False):
            return Spectrum.objects.none()
        return _spectra(user_of(self.request))

    @extend_schema(
        request=serializers.UploadSerializer,
        responses={
            200: serializers.KnownFileSerializer,
            202: serializers.SubmissionSerializer,
            400: serializers.UnreadableSerializer,
            413: serializers.ErrorSerializer,
        },
    )
    def post(self, request: Request) -> Response:
        """202: stored and queued. 200: the same file is known, here is its record. 400: it cannot be read and lies
        in quarantine."""
        form = serializers.UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        if sent["file"].size > settings.UPLOAD_MAX_BYTES:
            raise TooLargeError(f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
        submission = intake.submit_spectrum(
            user_of(request), sent["file"].read(), sent["file"].name, _given(user_of(request), sent)
        )
        if submission.created:
            return Response(serializers.SubmissionSerializer(submission).data, status=202)
        return Response(serializers.KnownFileSerializer(submission).data)


def _given(user: User, sent: dict[str, Any]) -> intake.Given:
    group = None
    if sent.get("group"):
        group = user.groups.filter(name=sent["group"]).first()
        if group is None:
            raise ValidationError({"group": ["you are not a member of that group"]})
    return intake.Given(
        transient=sent.get("transient", "").strip(),
        redshift=sent.get("redshift"),
        observed_at=sent.get("observed_at"),
        instrument=sent.get("instrument", ""),
        group=group,
        corrections={name: sent[name] for name in CORRECTIONS if name in sent},
    )


def _spectra(user: User) -> SpectrumQuerySet:
    related = ("transient", "group", "current_prediction__checkpoint")
    spectra: SpectrumQuerySet = Spectrum.objects.visible_to(user).select_related(*related)
    return spectra


def _spectrum(request: Request, spectrum_id: int) -> Spectrum:
    found: Spectrum | None = _spectra(user_of(request)).filter(pk=spectrum_id).first()
    if found is None:
        raise NotFound("there is no such spectrum")
    return found


class SpectrumView(APIView):
    @extend_schema(responses={200: serializers.SpectrumSerializer, 404: serializers.ErrorSerializer})
    def get(self, request: Request, spectrum_id: int) -> Response:
        """State, receipt and current prediction of a spectrum."""
        return Response(serializers.SpectrumSerializer(_spectrum(request, spectrum_id)).data)


class SpectrumArraysView(APIView):
    @extend_schema(responses={200: serializers.ArraysSerializer, 404: serializers.ErrorSerializer})
    def get(self, request: Request, spectrum_id: int) -> Response:
        """The samples as they were read: Å, flux, 1σ error or null."""
        spectrum = _spectrum(request, spectrum_id)
        stored = SpectrumArrays.objects.filter(spectrum=spectrum).first()
        if stored is None:
            raise NotFound("this spectrum could not be read; its original file is kept")
        error = None if stored.flux_error is None else unpack(stored.flux_error).tolist()
        wavelength, flux = unpack(stored.wavelength).tolist(), unpack(stored.flux).tolist()
        body = {"id": spectrum.pk, "wavelength": wavelength, "flux": flux, "flux_error": error}
        return Response(body)


class SpectrumOriginalView(APIView):
    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **_ERRORS})
    def get(self, request: Request, spectrum_id: int) -> HttpResponse:
        """The file as it was sent, byte for byte."""
        return original_file(_spectrum(request, spectrum_id))


def original_file(spectrum: Spectrum) -> HttpResponse:
    """A download of a spectrum's original; never shown in the browser, whatever it contains."""
    response = HttpResponse(bytes(spectrum.original.content), content_type="application/octet-stream")
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-+ ") else "_" for c in spectrum.filename)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class RereadView(APIView):
    parser_classes = (JSONParser, FormParser)

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={202: serializers.SubmissionSerializer, 400: serializers.UnreadableSerializer},
    )
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Read the original again with corrections such as {"wavelength_unit": "nm"}."""
        if not isinstance(request.data, dict):
            raise ValidationError({"corrections": ["send an object"]})
        spectrum = intake.read_again(user_of(request), _spectrum(request, spectrum_id), request.data)
        return Response(serializers.SubmissionSerializer(intake.Submission(spectrum, created=False)).data, status=202)


class TransientsView(generics.ListAPIView[Transient]):
    """Transients that you may see, newest first."""

    serializer_class = serializers.TransientSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Transient]:
        if getattr(self, "swagger_fake_view", False):
            return Transient.objects.none()
        found: QuerySet[Transient] = Transient.objects.for_review(user_of(self.request))
        return found


class TransientView(APIView):
    @extend_schema(responses={200: serializers.TransientDetailSerializer, 404: serializers.ErrorSerializer})
    def get(self, request: Request, name: str) -> Response:
        """A transient with its spectra and its ledger of decisions."""
        user = user_of(request)
        spectra = Prefetch("spectra", _spectra(user).in_time_order(), to_attr="visible_spectra")
        decisions = Decision.objects.visible_to(user).select_related("reviewer", "transient")
        ledger = Prefetch("decisions", decisions, to_attr="visible_decisions")
        transient = Transient.objects.for_review(user).filter(name=name).prefetch_related(spectra, ledger).first()
        if transient is None:
            raise NotFound("there is no such transient")
        return Response(serializers.TransientDetailSerializer(transient).data)


class QueueView(generics.ListAPIView[Transient]):
    """Transients that wait for a decision, in the order of triage, each with the reason of its place."""

    serializer_class = serializers.QueueRowSerializer  # type: ignore[assignment]
    pagination_class = QueueOrder

    def get_queryset(self) -> QuerySet[Transient]:
        if getattr(self, "swagger_fake_view", False):
            return Transient.objects.none()
        return queue.triage_order(user_of(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        predictions = queue.current_predictions(list(page))
        rows: Any = [
            {
                "transient": transient.name,
                "reason": queue.reason(prediction, prediction.created_at),
                "redshift": transient.redshift,
                "simulated": transient.simulated,
                "prediction": prediction,
            }
            for transient in page
            for prediction in [predictions[transient.current_prediction_id]]  # type: ignore[attr-defined]
        ]
        return self.get_paginated_response(serializers.QueueRowSerializer(rows, many=True).data)


class DecisionsView(APIView):
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    @extend_schema(
        request=serializers.ProposalSerializer,
        responses={201: serializers.DecisionSerializer, 409: serializers.ErrorSerializer, **_ERRORS},
    )
    def post(self, request: Request, name: str) -> Response:
        """Record a verdict on a transient. Only confirm and override vet it."""
        form = serializers.ProposalSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = {key: value for key, value in form.validated_data.items() if value is not None}
        transient = Transient.objects.visible_to(user_of(request)).filter(name=name).first()
        if transient is None:
            raise NotFound("there is no such transient")
        decision = review.record_decision(user_of(request), transient, review.Proposal(**sent))
        return Response(serializers.DecisionSerializer(decision).data, status=201)


class DecisionView(APIView):
    @extend_schema(
        responses={
            200: serializers.DecisionSerializer,
            403: serializers.ErrorSerializer,
            404: serializers.ErrorSerializer,
            409: serializers.ErrorSerializer,
        }
    )
    def delete(self, request: Request, decision_id: int) -> Response:
        """Undo a decision of your own. Answers with the row that says so; nothing is erased."""
        row = review.undo(user_of(request), decision_id)
        return Response(serializers.DecisionSerializer(row).data)


class ClassificationsView(APIView):
    """Vetted classifications. JSON comes in pages; CSV and VOTable whole."""

    renderer_classes = (JSONRenderer, CsvRenderer, VOTableRenderer)

    @extend_schema(
        parameters=[
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="decided at or after, ISO 8601"),
            OpenApiParameter("class_name", str),
            OpenApiParameter("reviewer", str, description="user name"),
            OpenApiParameter("format", str, enum=["json", "csv", "votable"]),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={200: serializers.ClassificationSerializer(many=True), 400: serializers.ErrorSerializer},
    )
    def get(self, request: Request) -> HttpResponse:
        query = request.query_params
        rows = export.vetted(
            user_of(request),
            since=_since(query.get("since", "")),
            class_name=query.get("class_name", ""),
            reviewer=query.get("reviewer", ""),
        )
        renderer = request.accepted_renderer.format
        if renderer != "json":
            response = Response([export.as_row(row) for row in rows.iterator(chunk_size=2000)])
            suffix = {"csv": "csv", "votable": "vot"}[renderer]
            response.headers["Content-Disposition"] = f'attachment; filename="classifications.{suffix}"'
            return response
        paginator = ClassificationOrder()
        page = paginator.paginate_queryset(rows, request, view=self) or []
        return paginator.get_paginated_response([export.as_row(row) for row in page])


def _since(text: str) -> Any:
    if not text:
        return None
    try:
        # A + that was not escaped arrives as a space.
        moment = parse_datetime(text.replace(" ", "+", 1) if "T" in text else text)
        if moment is None and (day := parse_date(text)):
            moment = datetime(day.year, day.month, day.day)
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValidationError({"since": ["give a time such as 2026-11-23T04:00:00Z"]})
