"""Queues that you have given a name."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import saved_views
from triage.api import examples
from triage.api.base import NewestFirst, user_of
from triage.api.filters import WaitingFilter
from triage.api.serializers import ErrorSerializer
from triage.filters import QueueFilter
from triage.models import SavedView


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    """filter: parameters of queue/, those that are narrowed. query: the same, of the page's address."""

    filter = serializers.SerializerMethodField()

    class Meta:
        model = SavedView
        fields = ("id", "name", "filter", "query")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_filter(self, view: SavedView) -> dict[str, str]:
        return WaitingFilter.parameters(QueueFilter.of_address(view.query))


class WantedViewSerializer(serializers.Serializer[dict[str, Any]]):
    name = serializers.CharField(max_length=saved_views.LONGEST_NAME)
    filter = WaitingFilter(default=dict)


class SavedViewsView(generics.ListAPIView[SavedView]):
    """Your saved views, newest first."""

    serializer_class = SavedViewSerializer
    pagination_class = NewestFirst
    parser_classes = (JSONParser,)

    def get_queryset(self) -> QuerySet[SavedView]:
        if getattr(self, "swagger_fake_view", False):
            return SavedView.objects.none()
        return SavedView.objects.filter(user=user_of(self.request))

    @extend_schema(
        request=WantedViewSerializer,
        responses={201: SavedViewSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
        examples=examples.SAVED_VIEW,
    )
    def post(self, request: Request) -> Response:
        """Keep a filter of the queue under a name; the same name again changes what it means."""
        form = WantedViewSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        chosen = WaitingFilter.chosen({name: value for name, value in sent["filter"].items() if value != ""})
        return Response(SavedViewSerializer(saved_views.save(user_of(request), sent["name"], chosen)).data, status=201)


class SavedViewView(APIView):
    @extend_schema(responses={204: None, 404: ErrorSerializer})
    def delete(self, request: Request, view_id: int) -> Response:
        """Forget it."""
        user = user_of(request)
        found = SavedView.objects.filter(user=user, pk=view_id).first()
        if found is None:
            raise NotFound("there is no such view")
        saved_views.forget(user, found.name)
        return Response(status=204)
