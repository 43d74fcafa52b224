"""The endpoints: each reads its request, calls one verb, answers."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Exists, Prefetch, QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.readers import Corrections
from triage import intake, moving, review
from triage.api import examples, filters, serializers
from triage.api.base import FIELDS, NewestFirst, group_of, transient_of, user_of
from triage.arrays import unpack
from triage.errors import TooLargeError
from triage.models import Decision, Scope, Spectrum, SpectrumArrays, Transient
from triage.querysets import SpectrumQuerySet, owed_by
from triage.rereading import read_again

CORRECTIONS = tuple(field.name for field in dataclasses.fields(Corrections))
_ERRORS = {400: serializers.ErrorSerializer, 404: serializers.ErrorSerializer}


class IndexView(APIView):
    """Where things are."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        lists = ["spectra", "transients", "queue", "classifications", "policies", "agreement", "night"]
        names = [*lists, "skyportal/runs", "tns", "webhooks", "schema"]
        return Response({name: request.build_absolute_uri(f"/api/v1/{name}/") for name in names})


@extend_schema_view(get=extend_schema(parameters=[filters.SpectrumFilter, FIELDS]))
class SpectraView(generics.ListAPIView[Spectrum]):
    """Upload a spectrum file, or list the spectra you may see."""

    serializer_class = serializers.SpectrumSerializer
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser, FormParser)
    scope = Scope.UPLOAD

    def get_queryset(self) -> QuerySet[Spectrum]:
        if getattr(self, "swagger_fake_view", False):
            return Spectrum.objects.none()
        sent = filters.read(filters.SpectrumFilter, self.request)
        return filters.SpectrumFilter.narrow(_spectra(user_of(self.request)), sent)

    @extend_schema(
        request=serializers.UploadSerializer,
        responses={
            200: serializers.KnownFileSerializer,
            202: serializers.SubmissionSerializer,
            400: serializers.UnreadableSerializer,
            413: serializers.ErrorSerializer,
        },
        examples=examples.UPLOAD,
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
    return intake.Given(
        transient=sent.get("transient", "").strip(),
        redshift=sent.get("redshift"),
        observed_at=sent.get("observed_at"),
        instrument=sent.get("instrument", ""),
        group=group_of(user, sent.get("group", "")),
        corrections={name: sent[name] for name in CORRECTIONS if name in sent},
    )


def _spectra(user: User) -> SpectrumQuerySet:
    related = ("transient", "group", "current_prediction__checkpoint")
    visible = Spectrum.objects.visible_to(user).select_related(*related)
    spectra: SpectrumQuerySet = visible.annotate(hidden=Exists(owed_by(user)))
    return spectra


def spectrum_of(request: Request, spectrum_id: int) -> Spectrum:
    """Raises NotFound where there is none that the user may see."""
    found: Spectrum | None = _spectra(user_of(request)).filter(pk=spectrum_id).first()
    if found is None:
        raise NotFound("there is no such spectrum")
    return found


class SpectrumView(APIView):
    @extend_schema(
        parameters=[FIELDS], responses={200: serializers.SpectrumSerializer, 404: serializers.ErrorSerializer}
    )
    def get(self, request: Request, spectrum_id: int) -> Response:
        """State, receipt and current prediction of a spectrum."""
        spectrum = spectrum_of(request, spectrum_id)
        return Response(serializers.SpectrumSerializer(spectrum, context={"request": request}).data)


class SpectrumArraysView(APIView):
    @extend_schema(responses={200: serializers.ArraysSerializer, 404: serializers.ErrorSerializer})
    def get(self, request: Request, spectrum_id: int) -> Response:
        """The samples as they were read: Å, flux, 1σ error or null."""
        spectrum = spectrum_of(request, spectrum_id)
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
        return original_file(spectrum_of(request, spectrum_id))


def original_file(spectrum: Spectrum) -> HttpResponse:
    """A download of a spectrum's original; never shown in the browser, whatever it contains."""
    response = HttpResponse(bytes(spectrum.original.content), content_type="application/octet-stream")
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-+ ") else "_" for c in spectrum.filename)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class RereadView(APIView):
    parser_classes = (JSONParser, FormParser)
    scope = Scope.UPLOAD

    @extend_schema(
        request=serializers.CorrectionsSerializer,
        examples=examples.REREAD,
        responses={202: serializers.SubmissionSerializer, 400: serializers.UnreadableSerializer},
    )
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Read the original again with corrections such as {"wavelength_unit": "nm"}."""
        form = serializers.CorrectionsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        spectrum = read_again(user_of(request), spectrum_of(request, spectrum_id), form.validated_data)
        return Response(serializers.SubmissionSerializer(intake.Submission(spectrum, created=False)).data, status=202)


class MoveView(APIView):
    parser_classes = (JSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(request=serializers.MoveSerializer, responses={200: serializers.PartSerializer})
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Give the spectrum to another transient, made where there is none of that name."""
        form = serializers.MoveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        moved = moving.move(user_of(request), spectrum_of(request, spectrum_id), form.validated_data["transient"])
        return Response(serializers.PartSerializer(moved).data)


@extend_schema_view(get=extend_schema(parameters=[filters.TransientFilter, FIELDS]))
class TransientsView(generics.ListAPIView[Transient]):
    """Transients that you may see, newest first."""

    serializer_class = serializers.TransientSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Transient]:
        if getattr(self, "swagger_fake_view", False):
            return Transient.objects.none()
        sent = filters.read(filters.TransientFilter, self.request)
        user = user_of(self.request)
        return filters.TransientFilter.narrow(Transient.objects.for_review(user).with_other_names(user), user, sent)


class TransientView(APIView):
    @extend_schema(
        parameters=[FIELDS], responses={200: serializers.TransientDetailSerializer, 404: serializers.ErrorSerializer}
    )
    def get(self, request: Request, name: str) -> Response:
        """A transient with its spectra and its ledger of decisions."""
        user = user_of(request)
        spectra = Prefetch("spectra", _spectra(user).in_time_order(), to_attr="visible_spectra")
        decisions = Decision.objects.visible_to(user).select_related("reviewer", "transient")
        ledger = Prefetch("decisions", decisions, to_attr="visible_decisions")
        shown = Transient.objects.for_review(user).with_other_names(user).prefetch_related(spectra, ledger)
        transient = shown.called(user, name)
        if transient is None:
            raise NotFound("there is no such transient")
        if transient.hidden:
            transient.visible_decisions = []
        return Response(serializers.TransientDetailSerializer(transient, context={"request": request}).data)


class DecisionsView(APIView):
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    @extend_schema(
        request=serializers.ProposalSerializer,
        responses={201: serializers.DecisionSerializer, 409: serializers.ErrorSerializer, **_ERRORS},
        examples=examples.DECISION,
    )
    def post(self, request: Request, name: str) -> Response:
        """Record a verdict on a transient. Only confirm and override vet it."""
        form = serializers.ProposalSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = {key: value for key, value in form.validated_data.items() if value is not None}
        decision = review.record_decision(user_of(request), transient_of(request, name), review.Proposal(**sent))
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
