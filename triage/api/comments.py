"""Comments on transients: read a thread, write a comment, withdraw one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import FIELDS, NewestFirst, SparseFields, checked, transient_of, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import Comment
from triage.review import comments

_EXAMPLES = [request_example("a question", {"text": "Is this narrow Hα from the host? @ben"})]


class CommentSerializer(SparseFields, serializers.ModelSerializer[Comment]):
    """A comment on a transient.

    group: the group that may read it, null for everybody who sees the transient.
    text: the remark, plain text; null if it was withdrawn.
    mentions: names of the users whom it reaches. Any other name after an @ reached nobody.
    withdrawn_at: when its author withdrew it, null if it stands.
    """

    transient = serializers.CharField(source="transient.name", read_only=True)
    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    author = serializers.CharField(source="author.username", read_only=True)
    text = serializers.SerializerMethodField()
    mentions = serializers.SerializerMethodField()

    class Meta:
        model = Comment
        fields = ("id", "transient", "group", "author", "text", "mentions", "created_at", "withdrawn_at")
        read_only_fields = fields

    def get_text(self, comment: Comment) -> str | None:
        """Return the text, or None if it was withdrawn."""
        return comment.text if comment.withdrawn_at is None else None

    def get_mentions(self, comment: Comment) -> list[str]:
        """Return the names of the mentioned users; none if the comment was withdrawn."""
        if comment.withdrawn_at is not None:
            return []
        return sorted(mention.user.get_username() for mention in comment.mentions.all())


class NewCommentSerializer(serializers.Serializer[dict[str, Any]]):
    """A comment to write."""

    text = serializers.CharField(
        max_length=4000,
        help_text="Plain text. Somebody you know of, named with an @ such as @ben, finds it in the inbox.",
    )
    group = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="One of your groups, whose members alone read it, or empty for everybody. Without it, everybody who "
        "sees the transient reads it, unless one of your groups is private by default.",
    )


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class CommentsView(generics.ListAPIView[Comment]):
    """Comments on a transient, newest first. There are none while your blind vote is wanted."""

    serializer_class = CommentSerializer
    pagination_class = NewestFirst
    parser_classes = (StorableJSONParser, FormParser, MultiPartParser)

    def get_queryset(self) -> QuerySet[Comment]:
        """Return the comments that the user may read."""
        return comments.thread(user_of(self.request), transient_of(self.request, self.kwargs["name"]))

    @extend_schema(
        request=NewCommentSerializer,
        responses={201: CommentSerializer} | error_answers(400, 404, 409),
        examples=_EXAMPLES,
    )
    def post(self, request: Request, name: str) -> Response:
        """Write a comment. While your blind vote is wanted, the answer is 409."""
        transient, sent = transient_of(request, name), checked(NewCommentSerializer, request.data)
        comment = comments.add(user_of(request), transient, sent["text"], sent.get("group"))
        return Response(CommentSerializer(comment).data, status=201)


class CommentView(APIView):
    """One comment."""

    @extend_schema(responses={200: CommentSerializer} | error_answers(403, 404, 409))
    def delete(self, request: Request, comment_id: int) -> Response:
        """Withdraw a comment of your own. It stays in the thread without its text."""
        return Response(CommentSerializer(comments.withdraw(user_of(request), comment_id)).data)
