"""Log lines: each names the request and the spectrum that it is about, so that lines can be put together."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from django.core.exceptions import ImproperlyConfigured

_CONTEXT: ContextVar[dict[str, str | int] | None] = ContextVar("log_context", default=None)

# Addresses that let in whoever has them: for a new password, of an invitation, and of a login at the provider.
_SECRET = re.compile(r"(/login/new/|/invitations/|/sso/callback/)[^\s\"]+")


def without_secrets(line: str) -> str:
    """Return a text without the secret parts of the addresses in it."""
    return _SECRET.sub(r"\1…", line)


@contextlib.contextmanager
def about(**names: str | int) -> Iterator[None]:
    """Add fields such as spectrum=12 to all log lines written within this block."""
    token = _CONTEXT.set({**(_CONTEXT.get() or {}), **names})
    try:
        yield
    finally:
        _CONTEXT.reset(token)


class _Formatter(logging.Formatter):
    """Leaves secrets out of tracebacks."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return without_secrets(super().formatException(ei))


class LineFormatter(_Formatter):
    """Log lines for people: the message, then its fields in brackets."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        context = _CONTEXT.get()
        line = without_secrets(super().formatMessage(record))
        return line if not context else f"{line} [{' '.join(f'{name}={value}' for name, value in context.items())}]"


class JsonFormatter(_Formatter):
    """Log lines for machines: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        whole, part = divmod(record.created, 1)
        line: dict[str, object] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(part * 1000):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            **(_CONTEXT.get() or {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def logging_settings(log_format: str, level: str, *, embedded: bool) -> dict[str, Any]:
    """Return Django's LOGGING setting.

    log_format: "line" for people or "json" for machines.
    level: least level that is logged, or "" for the default.
    embedded: whether this is the embedded desk.

    Raises ImproperlyConfigured for another format.
    """
    if log_format not in {"line", "json"}:
        raise ImproperlyConfigured(f"LOG_FORMAT must be line or json, not “{log_format}”")
    # The embedded desk prints its address to the same screen, so lines about single spectra are left out there.
    usual = "WARNING" if embedded and log_format == "line" else "INFO"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": LineFormatter}, "json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": log_format}},
        "root": {"handlers": ["stderr"], "level": level or "INFO"},
        "loggers": {
            # It warns that a filesystem broker has no host name.
            "kombu.connection": {"level": "ERROR"},
            # It logs every request.
            "httpx": {"level": "WARNING"},
            # The web server's lines about requests pass the formatters too, which leave secrets out.
            "gunicorn.access": {"handlers": ["stderr"], "propagate": False},
            "triage": {"level": level or usual},
        },
    }
