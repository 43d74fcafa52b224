"""Notifications of the user: what to be told of, and the latest messages."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import FIELDS, NewestFirst, SparseFields, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import Notification, NotificationPreference
from triage.services import notifications

_EXAMPLES = [request_example("what is novel, by mail", {"email": "ann@example.org", "novelty": 0.97})]


class PreferenceSerializer(serializers.ModelSerializer[NotificationPreference]):
    """Your choice of messages.

    novelty: you get a message about transients whose novelty is at least this, 0 to 1; null for none.
    second_opinion, disputed, mention, sync_failing, policy_off: whether you get messages about these.
    digest: whether you get the digest of each night.
    """

    url = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=500,
        help_text="Web address that messages are sent to. It is never shown; an empty text removes it.",
    )
    has_url = serializers.SerializerMethodField()

    class Meta:
        model = NotificationPreference
        fields = (
            "email",
            "url",
            "has_url",
            "novelty",
            "second_opinion",
            "disputed",
            "mention",
            "sync_failing",
            "policy_off",
            "digest",
        )

    def get_has_url(self, preference: NotificationPreference) -> bool:
        """Return whether a web address is set."""
        return bool(preference.encrypted_url)


class NotificationSerializer(SparseFields, serializers.ModelSerializer[Notification]):
    """One message, sent by one channel."""

    transient = serializers.CharField(source="transient.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Notification
        fields = ("id", "kind", "channel", "transient", "text", "state", "last_error", "created_at", "sent_at")
        read_only_fields = fields


class NotificationsView(APIView):
    """The user's choice of messages."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(responses={200: PreferenceSerializer})
    def get(self, request: Request) -> Response:
        """Your choice of messages."""
        return Response(PreferenceSerializer(_preference_of(user_of(request))).data)

    @extend_schema(
        request=PreferenceSerializer,
        responses={200: PreferenceSerializer} | error_answers(400, 409),
        examples=_EXAMPLES,
    )
    def patch(self, request: Request) -> Response:
        """Change what you are told of. A setting that is not sent stays as it is."""
        preference = _preference_of(user_of(request))
        form = PreferenceSerializer(preference, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        sent = dict(form.validated_data)
        url = sent.pop("url", None)
        for name, value in sent.items():
            setattr(preference, name, value)
        notifications.save_preference(preference, url)
        return Response(PreferenceSerializer(preference).data)


def _preference_of(user: User) -> NotificationPreference:
    return NotificationPreference.objects.filter(user=user).first() or NotificationPreference(user=user)


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class LatestView(generics.ListAPIView[Notification]):
    """Your messages, newest first."""

    serializer_class = NotificationSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Notification]:
        """Return the user's messages."""
        return notifications.latest(user_of(self.request))


class TestView(APIView):
    """A test message."""

    @extend_schema(request=None, responses={202: None})
    def post(self, request: Request) -> Response:
        """Send a message to yourself through every channel that you have chosen."""
        notifications.tell_test(user_of(request))
        return Response(status=202)
