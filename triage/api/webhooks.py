"""Webhooks of one's own."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import webhooks
from triage.api import examples
from triage.api import outside_serializers as shapes
from triage.api.base import NewestFirst, user_of
from triage.api.serializers import ErrorSerializer
from triage.models import DeliveryState, Webhook


def _mine(user: User) -> QuerySet[Webhook]:
    counted = (DeliveryState.WAITING, DeliveryState.DELIVERED, DeliveryState.GIVEN_UP)
    states = {state.value: Count("deliveries", filter=Q(deliveries__state=state)) for state in counted}
    return Webhook.objects.filter(user=user).annotate(**states)


class WebhooksView(generics.ListAPIView[Webhook]):
    """Your webhooks, newest first."""

    serializer_class = shapes.WebhookSerializer
    pagination_class = NewestFirst
    parser_classes = (JSONParser,)

    def get_queryset(self) -> QuerySet[Webhook]:
        if getattr(self, "swagger_fake_view", False):
            return Webhook.objects.none()
        return _mine(user_of(self.request))

    @extend_schema(
        request=shapes.WebhookSerializer,
        responses={201: shapes.NewWebhookSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
        examples=examples.WEBHOOK,
    )
    def post(self, request: Request) -> Response:
        """Make one; the answer alone holds its secret."""
        form = shapes.WebhookSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        chosen = {"on_decision": sent.get("on_decision", True), "on_prediction": sent.get("on_prediction", False)}
        webhook, _ = webhooks.make(user_of(request), sent["url"], **chosen)
        return Response(shapes.NewWebhookSerializer(webhook).data, status=201)


class WebhookView(APIView):
    @extend_schema(responses={200: shapes.WebhookSerializer, 404: ErrorSerializer})
    def get(self, request: Request, webhook_id: int) -> Response:
        """One of your webhooks, and how it fares."""
        found = _mine(user_of(request)).filter(pk=webhook_id).first()
        if found is None:
            raise NotFound("there is no such webhook")
        return Response(shapes.WebhookSerializer(found).data)

    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Remove it."""
        webhooks.remove(user_of(request), webhook_id)
        return Response(status=204)


class ReplayView(APIView):
    @extend_schema(request=None, responses={200: shapes.ReplayedSerializer, 404: ErrorSerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Send what was given up once more."""
        return Response({"replayed": webhooks.replay(user_of(request), webhook_id)})
