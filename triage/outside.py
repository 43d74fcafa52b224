"""HTTP requests to other services: bounded in time and size, and never led to another host."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.conf import settings

from triage.errors import InvalidActionError

MAX_ANSWER_BYTES = 64 << 20
PINNED_TIMEOUT_SECONDS = 10
# Through these a gateway speaks to IPv4 addresses.
NAT64 = ip_network("64:ff9b::/96")


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


def public_address(url: str) -> str:
    """The IP address that a URL's host has now, for a request to exactly that one.

    Raises InvalidActionError unless all of its addresses are public ones, or settings allow others: else a user could
    have this server speak to machines that only it can reach."""
    parts = urlsplit(checked_url(url))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidActionError(f"the host {parts.hostname} cannot be found") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.WEBHOOKS_TO_PRIVATE_ADDRESSES:
        for address in addresses:
            if not _is_public(ip_address(address.split("%")[0])):
                raise InvalidActionError(f"{parts.hostname} is an address within a private network")
    return addresses[0]


def post_pinned(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST JSON to the very address that was checked, whatever the name server says a moment later; returns the status.

    Raises httpx.HTTPError, and InvalidActionError as ``public_address`` does."""
    parts = urlsplit(url)
    address = public_address(url)
    host = f"[{address}]" if ":" in address else address
    pinned = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
    sent = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "spectrum-triage", **headers}
    extensions = {"sni_hostname": parts.hostname} if parts.scheme == "https" else {}
    with (
        httpx.Client(timeout=PINNED_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
        client.stream("POST", pinned, content=body, headers=sent, extensions=extensions) as response,
    ):
        return response.status_code


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """One machine anywhere on the internet. An IPv6 address that stands for an IPv4 one is as public as that."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved)
