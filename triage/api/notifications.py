"""What one wants to be told of."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import notifications
from triage.api import examples
from triage.api.base import FIELDS, NewestFirst, SparseFields, user_of
from triage.api.serializers import ErrorSerializer
from triage.models import Notification, NotificationPreference


class PreferenceSerializer(serializers.ModelSerializer[NotificationPreference]):
    """novelty: told of transients at least so unlike the known ones; null: of none."""

    url = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=500, help_text="empty removes it; never shown"
    )
    has_url = serializers.SerializerMethodField()

    class Meta:
        model = NotificationPreference
        fields = ("email", "url", "has_url", "novelty", "second_opinion", "disputed", "sync_failing")

    def get_has_url(self, preference: NotificationPreference) -> bool:
        return bool(preference.encrypted_url)


class NotificationsView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(responses={200: PreferenceSerializer})
    def get(self, request: Request) -> Response:
        """Your wishes, as they stand."""
        return Response(PreferenceSerializer(self._mine(request)).data)

    @extend_schema(
        request=PreferenceSerializer,
        responses={200: PreferenceSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
        examples=examples.NOTIFICATIONS,
    )
    def patch(self, request: Request) -> Response:
        """Change what is sent; the rest stays."""
        preference = self._mine(request)
        form = PreferenceSerializer(preference, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        sent: dict[str, Any] = dict(form.validated_data)
        url = sent.pop("url", None)
        for name, value in sent.items():
            setattr(preference, name, value)
        notifications.save_preference(preference, url)
        return Response(PreferenceSerializer(preference).data)

    def _mine(self, request: Request) -> NotificationPreference:
        user = user_of(request)
        return NotificationPreference.objects.filter(user=user).first() or NotificationPreference(user=user)


class NotificationSerializer(SparseFields, serializers.ModelSerializer[Notification]):
    """One message by one way."""

    transient = serializers.CharField(source="transient.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Notification
        fields = ("id", "kind", "channel", "transient", "text", "state", "last_error", "created_at", "sent_at")
        read_only_fields = fields


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class LatestView(generics.ListAPIView[Notification]):
    """What you were told, newest first."""

    serializer_class = NotificationSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Notification]:
        if getattr(self, "swagger_fake_view", False):
            return Notification.objects.none()
        return notifications.latest(user_of(self.request))


class TestView(APIView):
    @extend_schema(request=None, responses={202: None})
    def post(self, request: Request) -> Response:
        """Have a message sent to yourself, by every way that is chosen."""
        notifications.tell_test(user_of(request))
        return Response(status=202)
