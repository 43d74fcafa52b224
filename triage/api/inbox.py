"""Inbox of the user: mentions, second opinions that are wanted, and disputes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import user_of
from triage.api.parameters import SIMULATED, flag_parameter
from triage.review import inbox


class EntrySerializer(serializers.Serializer[inbox.Entry]):
    """One thing that you are asked or told.

    kind: “mention” (a comment names you), “second_opinion” (your vote is wanted) or “disputed” (somebody contradicts
    your vote).
    simulated: whether the transient belongs to the demonstration.
    at: when it came.
    unread: whether you have not opened the transient since.
    comment: id of the comment that mentions you, else null.
    author: author of that comment, else null.
    text: text of that comment; null without one, and while it is hidden because your blind vote is wanted.
    """

    kind = serializers.ChoiceField(choices=("mention", "second_opinion", "disputed"))
    transient = serializers.CharField(source="transient.name")
    simulated = serializers.BooleanField(source="transient.simulated")
    at = serializers.DateTimeField()
    unread = serializers.BooleanField()
    comment = serializers.IntegerField(source="comment.pk", allow_null=True, default=None)
    author = serializers.CharField(source="comment.author.username", allow_null=True, default=None)
    text = serializers.SerializerMethodField()

    def get_text(self, entry: inbox.Entry) -> str | None:
        """Return the comment's text, or None if there is none or it is hidden."""
        return entry.text or None


class InboxSerializer(serializers.Serializer[dict[str, Any]]):
    """The newest 200 entries of the inbox, newest first."""

    unread = serializers.IntegerField(help_text="Number of unread entries; 201 stands for more than 200.")
    results = EntrySerializer(many=True)


class InboxView(APIView):
    """The user's inbox."""

    @extend_schema(parameters=[SIMULATED], responses={200: InboxSerializer})
    def get(self, request: Request) -> Response:
        """Entries of your inbox: mentions, second opinions that you may give, and disputes over your votes."""
        return Response(_inbox(request))


class InboxReadView(APIView):
    """Reading of the user's inbox."""

    @extend_schema(request=None, parameters=[SIMULATED], responses={200: InboxSerializer})
    def post(self, request: Request) -> Response:
        """Mark all of your inbox as read."""
        inbox.mark_read(user_of(request), simulated=flag_parameter(request, "simulated"))
        return Response(_inbox(request))


def _inbox(request: Request) -> dict[str, Any]:
    user, simulated = user_of(request), flag_parameter(request, "simulated")
    return dict(
        InboxSerializer({"unread": inbox.unread(user, simulated), "results": inbox.entries(user, simulated)}).data
    )
