"""Policies: which decisions need a second opinion."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import checked, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.review import second_opinion


class PolicySerializer(serializers.Serializer[dict[str, Any]]):
    """Policy of an audience: which decisions need two reviewers.

    group: the group whose spectra it applies to, null for public ones.
    class_names: decisions for one of these classes, or on a prediction of one, need two reviewers.
    """

    group = serializers.CharField(allow_null=True, required=False, default=None)
    class_names = serializers.ListField(child=serializers.CharField())
    below = serializers.FloatField(
        allow_null=True,
        required=False,
        default=None,
        help_text="Decisions on a prediction with a smaller probability than this, 0 to 1; null for no bound.",
    )


class AudiencePolicySerializer(PolicySerializer):
    """A policy, and whether you may change it."""

    editable = serializers.BooleanField(read_only=True)


class PoliciesView(APIView):
    """Policies."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(responses={200: AudiencePolicySerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Policies for second opinions: of public spectra (``group`` is null) and of each of your groups."""
        return Response(_policies(user_of(request)))

    @extend_schema(
        request=PolicySerializer,
        responses={200: AudiencePolicySerializer(many=True)} | error_answers(400, 403, 404, 409),
    )
    def put(self, request: Request) -> Response:
        """Set the policy for public spectra or for one group. It holds for decisions from now on.

        With no class and no bound, one reviewer is enough.
        """
        sent, user = checked(PolicySerializer, request.data), user_of(request)
        second_opinion.change_policy(user, sent["group"] or "", sent["class_names"], sent["below"])
        return Response(_policies(user))


def _policies(user: User) -> list[dict[str, Any]]:
    return [
        {
            "group": row["group"].name if row["group"] else None,
            "class_names": row["policy"].class_names if row["policy"] else [],
            "below": row["policy"].below if row["policy"] else None,
            "editable": row["editable"],
        }
        for row in second_opinion.policies(user)
    ]
