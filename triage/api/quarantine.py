"""What could not be read or classified: put aside, or taken up again."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import quarantine
from triage.api import serializers
from triage.api.base import user_of
from triage.api.views import spectrum_of
from triage.models import Scope

_ANSWERS = {
    200: serializers.SpectrumSerializer,
    404: serializers.ErrorSerializer,
    409: serializers.ErrorSerializer,
}


class DiscardView(APIView):
    scope = Scope.UPLOAD

    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Put aside a file that could not be read or classified. Its bytes are kept, and it can be restored."""
        quarantine.discard(user_of(request), spectrum_of(request, spectrum_id))
        return Response(serializers.SpectrumSerializer(spectrum_of(request, spectrum_id)).data)


class RestoreView(APIView):
    scope = Scope.UPLOAD

    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Take a discarded file up again."""
        quarantine.restore(user_of(request), spectrum_of(request, spectrum_id))
        return Response(serializers.SpectrumSerializer(spectrum_of(request, spectrum_id)).data)
