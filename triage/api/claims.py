"""Claims: who is looking at a transient."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import claims
from triage.api.base import transient_of, user_of
from triage.api.serializers import ErrorSerializer
from triage.models import Claim


class ClaimSerializer(serializers.ModelSerializer[Claim]):
    """until: when it lapses, unless it is renewed."""

    transient = serializers.CharField(source="transient.name", read_only=True)
    reviewer = serializers.CharField(source="reviewer.username", read_only=True)

    class Meta:
        model = Claim
        fields = ("transient", "reviewer", "since", "until")
        read_only_fields = fields


class WantedClaimSerializer(serializers.Serializer[dict[str, Any]]):
    take_over = serializers.BooleanField(default=False, help_text="from whoever has it")


class ClaimView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(
        request=WantedClaimSerializer,
        responses={200: ClaimSerializer, 400: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request, name: str) -> Response:
        """Claim it, or renew your claim; it ends those of yours on others. 409 ``claimed`` where somebody else has
        it."""
        transient = transient_of(request, name)
        form = WantedClaimSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        found = claims.claim(user, transient, take_over=form.validated_data["take_over"])
        claims.check(user, transient)
        return Response(ClaimSerializer(found).data)

    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, name: str) -> Response:
        """Give your claim up."""
        claims.release(user_of(request), transient_of(request, name))
        return Response(status=204)
