"""``?format=`` wins over the Accept header, which scripts and browsers often send without meaning it."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class FormatFirst(DefaultContentNegotiation):
    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer of the format asked for (404 if there is none), else what Accept says."""
        wanted = request.query_params.get("format")
        if wanted:
            found: list[BaseRenderer] = self.filter_renderers(list(renderers), wanted)
            return found[0], str(found[0].media_type)
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, list(renderers), format_suffix)
        return chosen
