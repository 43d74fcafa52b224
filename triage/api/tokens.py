"""API tokens of one's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import tokens
from triage.api import examples
from triage.api.base import NewestFirst, user_of
from triage.api.serializers import ErrorSerializer
from triage.models import ApiToken, Scope

_SCOPES = [scope.value for scope in Scope]


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token, without its key, of which only the start is known. expires_at: null, never."""

    scopes = serializers.SerializerMethodField(help_text="beside reading, which any may")

    class Meta:
        model = ApiToken
        fields = ("id", "label", "key_start", "scopes", "created_at", "last_used_at", "expires_at")
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "string", "enum": _SCOPES}})
    def get_scopes(self, token: ApiToken) -> list[str]:
        return [scope.value for scope in Scope if token.allows(scope)]


class MadeTokenSerializer(TokenSerializer):
    key = serializers.SerializerMethodField(help_text="shown this once")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "key")  # type: ignore[assignment]

    @extend_schema_field({"type": "string"})
    def get_key(self, token: ApiToken) -> str:
        key: str = self.context["key"]
        return key


class WantedTokenSerializer(serializers.Serializer[dict[str, Any]]):
    """A token to be made. Without ``expires_at``: a year, or as long as the token that asks."""

    label = serializers.CharField(max_length=80, help_text="what it is for")  # type: ignore[assignment]
    scopes = serializers.MultipleChoiceField(choices=_SCOPES, default=set, help_text="none: it may only read")
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="null: never")


class TokensView(generics.ListAPIView[ApiToken]):
    """Your tokens that were not revoked, newest first."""

    serializer_class = TokenSerializer
    pagination_class = NewestFirst
    parser_classes = (JSONParser,)

    def get_queryset(self) -> QuerySet[ApiToken]:
        if getattr(self, "swagger_fake_view", False):
            return ApiToken.objects.none()
        return tokens.standing(user_of(self.request))

    @extend_schema(
        request=WantedTokenSerializer,
        responses={201: MadeTokenSerializer, 400: ErrorSerializer, 403: ErrorSerializer, 409: ErrorSerializer},
        examples=examples.TOKEN,
    )
    def post(self, request: Request) -> Response:
        """Make one; the answer alone holds its key. Asked for with a token it may do no more, and lives no longer, than
        that (403 ``wider_token``)."""
        form = WantedTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        by = _asking(request)
        end: datetime | None = sent["expires_at"] if "expires_at" in sent else tokens.usual_end(by)
        scopes = [Scope(name) for name in sent["scopes"]]
        token, key = tokens.make(user_of(request), sent["label"], scopes, end, by)
        return Response(MadeTokenSerializer(token, context={"key": key}).data, status=201)


def _asking(request: Request) -> ApiToken | None:
    return request.auth if isinstance(request.auth, ApiToken) else None


class TokenView(APIView):
    @extend_schema(responses={204: None, 403: ErrorSerializer, 404: ErrorSerializer})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke it and those that were made with it: they are refused from the next request on. Asked for with a
        token: that itself, or one that was made with it (else 403 ``wider_token``)."""
        tokens.revoke(user_of(request), token_id, _asking(request))
        return Response(status=204)
