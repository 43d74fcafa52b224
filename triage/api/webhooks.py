"""Webhooks of the user: addresses that new decisions and predictions are sent to."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import NewestFirst, checked, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import DeliveryState, Webhook
from triage.services import webhooks

_EXAMPLES = [
    request_example("new decisions", {"url": "https://example.org/hook", "on_decision": True, "on_prediction": False})
]


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook.

    on_decision, on_prediction: whether new ones are sent.
    waiting, delivered, given_up: how many messages are in each state.
    """

    url = serializers.CharField(max_length=300)
    waiting, delivered, given_up = (serializers.IntegerField(read_only=True, default=0) for _ in range(3))

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id",
            "url",
            "on_decision",
            "on_prediction",
            "waiting",
            "delivered",
            "given_up",
            "created_at",
        )
        read_only_fields = ("id", "created_at")


class NewWebhookSerializer(WebhookSerializer):
    """A webhook that was just made."""

    secret = serializers.SerializerMethodField(help_text="Key that signs the messages. It is shown only now.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")

    @extend_schema_field({"type": "string"})
    def get_secret(self, webhook: Webhook) -> str:
        """Return the key that signs the messages."""
        return webhook.secret


class ReplayedSerializer(serializers.Serializer[dict[str, int]]):
    """Number of messages that are sent again."""

    replayed = serializers.IntegerField(help_text="Messages that are sent again.")


class WebhooksView(generics.ListAPIView[Webhook]):
    """Your webhooks, newest first."""

    serializer_class = WebhookSerializer
    pagination_class = NewestFirst
    parser_classes = (StorableJSONParser,)

    def get_queryset(self) -> QuerySet[Webhook]:
        """Return the user's webhooks."""
        return _webhooks_of(user_of(self.request))

    @extend_schema(
        request=WebhookSerializer,
        responses={201: NewWebhookSerializer} | error_answers(400, 409),
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Make a webhook. Only this answer holds its secret."""
        sent = checked(WebhookSerializer, request.data)
        chosen = {"on_decision": sent.get("on_decision", True), "on_prediction": sent.get("on_prediction", False)}
        webhook, _ = webhooks.make(user_of(request), sent["url"], **chosen)
        return Response(NewWebhookSerializer(webhook).data, status=201)


class WebhookView(APIView):
    """One webhook."""

    @extend_schema(responses={200: WebhookSerializer} | error_answers(404))
    def get(self, request: Request, webhook_id: int) -> Response:
        """One of your webhooks, with how many of its messages wait, were delivered or were given up."""
        webhook = _webhooks_of(user_of(request)).filter(pk=webhook_id).first()
        if webhook is None:
            raise NotFound("there is no such webhook")
        return Response(WebhookSerializer(webhook).data)

    @extend_schema(responses={204: None} | error_answers(404))
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Remove a webhook."""
        webhooks.remove(user_of(request), webhook_id)
        return Response(status=204)


class ReplayView(APIView):
    """Replay of one webhook."""

    @extend_schema(request=None, responses={200: ReplayedSerializer} | error_answers(404))
    def post(self, request: Request, webhook_id: int) -> Response:
        """Send again the messages that were given up."""
        return Response({"replayed": webhooks.replay(user_of(request), webhook_id)})


def _webhooks_of(user: User) -> QuerySet[Webhook]:
    """Return the user's webhooks, with the number of messages in each state."""
    counted = (DeliveryState.WAITING, DeliveryState.DELIVERED, DeliveryState.GIVEN_UP)
    states = {state.value: Count("deliveries", filter=Q(deliveries__state=state)) for state in counted}
    return Webhook.objects.filter(user=user).annotate(**states)
