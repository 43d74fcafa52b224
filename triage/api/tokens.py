"""API tokens of the user."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.accounts import tokens
from triage.api.base import NewestFirst, checked, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import ApiToken, Scope

_SCOPES = [scope.value for scope in Scope]
_EXAMPLES = [
    request_example(
        "to upload with, for a season",
        {"label": "telescope", "scopes": ["upload"], "expires_at": "2027-03-01T00:00:00Z"},
    )
]


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its key.

    key_start: the first characters of the key.
    expires_at: null if it never expires.
    """

    scopes = serializers.SerializerMethodField(help_text="What the token may do besides reading.")

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            "id",
            "label",
            "key_start",
            "scopes",
            "created_at",
            "last_used_at",
            "expires_at",
        )
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "string", "enum": _SCOPES}})
    def get_scopes(self, token: ApiToken) -> list[str]:
        """Return the token's scopes."""
        return [scope.value for scope in Scope if token.allows(scope)]


class MadeTokenSerializer(TokenSerializer):
    """A token that was just made."""

    key = serializers.SerializerMethodField(help_text="The key. It is shown only now.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "key")

    @extend_schema_field({"type": "string"})
    def get_key(self, token: ApiToken) -> str:
        """Return the key."""
        key: str = self.context["key"]
        return key


class WantedTokenSerializer(serializers.Serializer[dict[str, Any]]):
    """A token to make. Without ``expires_at`` it is valid for a year, or as long as the token that asks for it."""

    # Serializers have an attribute of this name themselves.
    label = serializers.CharField(max_length=80, help_text="What the token is for.")  # type: ignore[assignment]
    scopes = serializers.MultipleChoiceField(
        choices=_SCOPES, default=set, help_text="What the token may do besides reading; nothing if empty."
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Time at which it expires; null if it never expires."
    )


class TokensView(generics.ListAPIView[ApiToken]):
    """Your tokens that were not revoked, newest first."""

    serializer_class = TokenSerializer
    pagination_class = NewestFirst
    parser_classes = (StorableJSONParser,)

    def get_queryset(self) -> QuerySet[ApiToken]:
        """Return the user's tokens that were not revoked."""
        return tokens.not_revoked(user_of(self.request))

    @extend_schema(
        request=WantedTokenSerializer,
        responses={201: MadeTokenSerializer} | error_answers(400, 403, 409),
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Make a token. Only this answer holds its key.

        A token that is made with another token cannot have more scopes than that one or expire later (403
        ``wider_token``).
        """
        sent = checked(WantedTokenSerializer, request.data)
        asking = _asking_token(request)
        expires_at = sent["expires_at"] if "expires_at" in sent else tokens.usual_end(asking)
        scopes = [Scope(name) for name in sent["scopes"]]
        token, key = tokens.make(user_of(request), sent["label"], scopes, expires_at, asking)
        return Response(MadeTokenSerializer(token, context={"key": key}).data, status=201)


class TokenView(APIView):
    """One token."""

    @extend_schema(responses={204: None} | error_answers(403, 404))
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke a token and every token that was made with it. They are refused from the next request on.

        A token may revoke itself and the tokens that were made with it, and no others (403 ``wider_token``).
        """
        tokens.revoke(user_of(request), token_id, _asking_token(request))
        return Response(status=204)


def _asking_token(request: Request) -> ApiToken | None:
    """Return the token that the request was sent with, or None for a session."""
    return request.auth if isinstance(request.auth, ApiToken) else None
