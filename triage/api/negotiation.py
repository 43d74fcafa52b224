"""Choice of an answer's format."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class FormatFirst(DefaultContentNegotiation):
    """Lets ``?format=`` win over the Accept header, which scripts and browsers often send by default."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer of an answer and its media type.

        Raises Http404 if ``?format=`` names a format that the address does not have.
        """
        wanted = request.query_params.get("format")
        if wanted:
            matching: list[BaseRenderer] = self.filter_renderers(list(renderers), wanted)
            return matching[0], str(matching[0].media_type)
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, list(renderers), format_suffix)
        return chosen
