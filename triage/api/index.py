"""Index: the addresses of the API's lists."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class IndexView(APIView):
    """The API's start."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Addresses of the API's lists, and of the document that describes the API."""
        lists = [
            "spectra",
            "uploads",
            "transients",
            "queue",
            "inbox",
            "classifications",
            "policies",
            "agreement",
            "night",
            "night/digest",
        ]
        names = [*lists, "skyportal/runs", "tns", "webhooks", "schema"]
        return Response({name: request.build_absolute_uri(f"/api/v1/{name}/") for name in names})
