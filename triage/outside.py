"""HTTP requests to other services: bounded in time and size, and never led to another host."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

from triage.errors import InvalidActionError

MAX_ANSWER_BYTES = 64 << 20


class AnswerTooLargeError(Exception):
    """More than MAX_ANSWER_BYTES came."""


def checked_url(url: str) -> str:
    """``url`` without a slash at its end. Raises InvalidActionError unless it is plain http or https to a host."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidActionError("an address begins with https:// (or http://) and names a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidActionError("an address holds no password, question mark or hash sign")
    return url.rstrip("/")


def open_client(url: str, headers: dict[str, str], timeout_seconds: float) -> httpx.Client:
    """A client that follows no redirect: a token is for the host that it was entered for."""
    timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10))
    return httpx.Client(base_url=checked_url(url), headers=headers, timeout=timeout, follow_redirects=False)


def fetch(client: httpx.Client, method: str, path: str, **options: Any) -> tuple[httpx.Response, bytes]:
    """The response and its whole body. Raises httpx.HTTPError and AnswerTooLargeError."""
    with client.stream(method, path, **options) as response:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise AnswerTooLargeError(f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB")
    return response, bytes(body)
