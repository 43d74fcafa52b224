"""Quarantine: discard a file that could not be read, classified or named, or restore it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import spectrum_of, user_of
from triage.api.errors import error_answers
from triage.api.spectra import SpectrumSerializer
from triage.intake import quarantine
from triage.models import Scope

_ANSWERS = {200: SpectrumSerializer} | error_answers(404, 409)


class DiscardView(APIView):
    """Discarding of one file."""

    scope = Scope.UPLOAD

    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Discard a file that could not be read, classified or named. Its bytes are kept, and it can be restored."""
        quarantine.discard(user_of(request), spectrum_of(request, spectrum_id))
        return Response(SpectrumSerializer(spectrum_of(request, spectrum_id)).data)


class RestoreView(APIView):
    """Restoring of one discarded file."""

    scope = Scope.UPLOAD

    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Restore a discarded file."""
        quarantine.restore(user_of(request), spectrum_of(request, spectrum_id))
        return Response(SpectrumSerializer(spectrum_of(request, spectrum_id)).data)
