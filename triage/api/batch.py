"""Upload of many files in one request, each with a receipt as soon as it is stored."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import checked
from triage.api.errors import error_answers
from triage.api.upload_form import KnownFileSerializer, StatedSerializer, stated_in, take_in
from triage.models import Scope


class BatchSerializer(StatedSerializer):
    """Many files, and what holds for all of them."""

    file = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), min_length=1, help_text="The part “file”, once for each."
    )


class FileLineSerializer(KnownFileSerializer):
    """One line of the answer: what POST spectra/ would answer for this file, with its name and status."""

    file = serializers.CharField()
    status = serializers.ChoiceField(choices=[200, 202, 400, 404, 409, 413, 503])


class BatchView(APIView):
    """Many files in one request."""

    parser_classes = (MultiPartParser,)
    scope = Scope.UPLOAD

    @extend_schema(
        request=BatchSerializer, responses={(200, "application/x-ndjson"): FileLineSerializer} | error_answers(400, 404)
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """Upload up to 500 files. The answer is one line of JSON a file, sent as soon as the file is stored.

        Some dozen files are stored together, so their lines come together.

        A file that fails costs the others nothing. A file without a line may not have been stored: send it again, which
        does no harm.
        """
        sent = checked(BatchSerializer, request.data)
        stated = stated_in(request, sent)
        lines = (_line(name, answer) for name, answer in take_in(request, sent["file"], stated))
        return StreamingHttpResponse(lines, content_type="application/x-ndjson; charset=utf-8")


def _line(name: str, answer: Response) -> bytes:
    return JSONRenderer().render({"file": name, "status": answer.status_code, **answer.data}) + b"\n"
