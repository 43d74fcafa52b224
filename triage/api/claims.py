"""Claims: a reviewer says that they are looking at a transient, so that nobody else reviews it meanwhile."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import checked, transient_of, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.models import Claim
from triage.review import claims


class ClaimSerializer(serializers.ModelSerializer[Claim]):
    """A claim on a transient.

    until: time at which the claim ends unless it is renewed.
    """

    transient = serializers.CharField(source="transient.name", read_only=True)
    reviewer = serializers.CharField(source="reviewer.username", read_only=True)

    class Meta:
        model = Claim
        fields = ("transient", "reviewer", "since", "until")
        read_only_fields = fields


class WantedClaimSerializer(serializers.Serializer[dict[str, Any]]):
    """A claim to make."""

    take_over = serializers.BooleanField(default=False, help_text="Take it from the reviewer who has claimed it.")


class ClaimView(APIView):
    """Your claim on one transient."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(request=WantedClaimSerializer, responses={200: ClaimSerializer} | error_answers(400, 404, 409))
    def post(self, request: Request, name: str) -> Response:
        """Claim a transient, or renew your claim on it. Your claims on other transients end.

        The answer is 409 ``claimed`` if somebody else has claimed it.
        """
        transient = transient_of(request, name)
        take_over = checked(WantedClaimSerializer, request.data)["take_over"]
        user = user_of(request)
        claim = claims.claim(user, transient, take_over=take_over)
        claims.check(user, transient)
        return Response(ClaimSerializer(claim).data)

    @extend_schema(responses={204: None} | error_answers(404))
    def delete(self, request: Request, name: str) -> Response:
        """Give up your claim."""
        claims.release(user_of(request), transient_of(request, name))
        return Response(status=204)
