"""Outbox: the decisions and predictions that are posted to SkyPortals."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import FIELDS, NewestFirst, SparseFields, checked, user_of
from triage.api.errors import error_answers
from triage.api.parameters import choice_parameter, integer_parameter
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import PostState, SkyPortalPost
from triage.services.skyportal import outbox

_EXAMPLES = [request_example("try again", {"action": "replay"})]


class PostSerializer(SparseFields, serializers.ModelSerializer[SkyPortalPost]):
    """A decision or prediction to post to a SkyPortal.

    remote_name, remote_spectrum: the source and the spectrum at the SkyPortal.
    remote_id: the SkyPortal's id of what was posted, null before.
    shared_with: ids of the SkyPortal's groups that it was sent to, empty before.
    wanted: false if it is to be withdrawn.
    """

    shared_with = serializers.ListField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = SkyPortalPost
        fields = (
            "id",
            "instance",
            "kind",
            "decision",
            "prediction",
            "remote_name",
            "remote_spectrum",
            "remote_id",
            "shared_with",
            "state",
            "wanted",
            "attempts",
            "next_attempt_at",
            "last_error",
            "created_at",
            "posted_at",
            "withdrawn_at",
        )
        read_only_fields = fields


class AnswerSerializer(serializers.Serializer[dict[str, Any]]):
    """Action on a post."""

    action = serializers.ChoiceField(choices=["approve", "refuse", "replay"])


@extend_schema_view(
    get=extend_schema(
        parameters=[
            OpenApiParameter("instance", int, description="Id of a connection."),
            OpenApiParameter("state", str, enum=PostState.values),
            FIELDS,
        ]
    )
)
class OutboxView(generics.ListAPIView[SkyPortalPost]):
    """Decisions and predictions that were posted to SkyPortals or wait for it, newest first."""

    serializer_class = PostSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[SkyPortalPost]:
        """Return the posts of the connections that the user may see."""
        filters = {
            "instance": integer_parameter(self.request, "instance"),
            "state": choice_parameter(self.request, "state", PostState.values),
        }
        rows = SkyPortalPost.objects.visible_to(user_of(self.request))
        return rows.filter(**{name: value for name, value in filters.items() if value is not None})


class PostView(APIView):
    """One post."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(
        request=AnswerSerializer,
        responses={200: PostSerializer} | error_answers(400, 404, 409),
        examples=_EXAMPLES,
    )
    def post(self, request: Request, post_id: int) -> Response:
        """Approve or refuse a post that waits for approval, or replay one that was given up or refused."""
        action = checked(AnswerSerializer, request.data)["action"]
        return Response(PostSerializer(outbox.answer(user_of(request), post_id, action)).data)
