"""Saved views: filters of the queue that a user has given a name."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import NewestFirst, checked, user_of
from triage.api.errors import error_answers
from triage.api.filters import WaitingFilter
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import SavedView
from triage.queue import saved_views
from triage.queue.filters import QueueFilter

_EXAMPLES = [request_example("likely TDEs", {"name": "TDEs", "filter": {"class_name": "TDE", "above": 60}})]


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    """A saved view.

    filter: the query parameters of queue/ that it sets.
    query: the same filter in the address of the page.
    """

    filter = serializers.SerializerMethodField()

    class Meta:
        model = SavedView
        fields = ("id", "name", "filter", "query")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_filter(self, view: SavedView) -> dict[str, str]:
        """Return the view's query parameters of queue/."""
        return WaitingFilter.parameters(QueueFilter.of_address(view.query))


class WantedViewSerializer(serializers.Serializer[dict[str, Any]]):
    """A view to save."""

    name = serializers.CharField(max_length=saved_views.LONGEST_NAME)
    filter = WaitingFilter(default=dict)


class SavedViewsView(generics.ListAPIView[SavedView]):
    """Your saved views, newest first."""

    serializer_class = SavedViewSerializer
    pagination_class = NewestFirst
    parser_classes = (StorableJSONParser,)

    def get_queryset(self) -> QuerySet[SavedView]:
        """Return the user's saved views."""
        return SavedView.objects.filter(user=user_of(self.request))

    @extend_schema(
        request=WantedViewSerializer,
        responses={201: SavedViewSerializer} | error_answers(400, 409),
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Save a filter of the queue under a name. If you have a view of that name, its filter is replaced."""
        sent = checked(WantedViewSerializer, request.data)
        chosen = WaitingFilter.chosen({name: value for name, value in sent["filter"].items() if value != ""})
        return Response(SavedViewSerializer(saved_views.save(user_of(request), sent["name"], chosen)).data, status=201)


class SavedViewView(APIView):
    """One saved view."""

    @extend_schema(responses={204: None} | error_answers(404))
    def delete(self, request: Request, view_id: int) -> Response:
        """Delete a saved view."""
        user = user_of(request)
        view = SavedView.objects.filter(user=user, pk=view_id).first()
        if view is None:
            raise NotFound("there is no such view")
        saved_views.forget(user, view.name)
        return Response(status=204)
