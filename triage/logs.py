"""Log lines that can be put together: each carries the request and the spectrum it is about, where there is one."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from contextvars import ContextVar

_CONTEXT: ContextVar[dict[str, str | int] | None] = ContextVar("log_context", default=None)


@contextlib.contextmanager
def about(**names: str | int) -> Iterator[None]:
    """Lines written within carry these names, request="…" or spectrum=12, beside those of the block around."""
    token = _CONTEXT.set({**(_CONTEXT.get() or {}), **names})
    try:
        yield
    finally:
        _CONTEXT.reset(token)


class LineFormatter(logging.Formatter):
    """For people: the message, then what it is about in brackets."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        context = _CONTEXT.get()
        line = super().formatMessage(record)
        return line if not context else f"{line} [{' '.join(f'{name}={value}' for name, value in context.items())}]"


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        whole, part = divmod(record.created, 1)
        line: dict[str, object] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(part * 1000):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **(_CONTEXT.get() or {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
