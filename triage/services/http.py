"""HTTP requests to other services, bounded in time and size and never redirected to another host."""

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
# Python takes these for public, but they lead to no machine of the internet: site-local, documentation, relays.
NOT_PUBLIC = tuple(ip_network(text) for text in ("fec0::/10", "3fff::/20", "192.88.99.0/24"))
# A gateway translates these IPv6 addresses to IPv4 ones.
NAT64 = ip_network("64:ff9b::/96")


class AnswerTooLargeError(Exception):
    """A server sent more than MAX_ANSWER_BYTES."""


def checked_url(url: str) -> str:
    """Return an address without the slash at its end.

    Raises InvalidActionError unless it is a plain http or https address: a host and a path, but no password, query or
    fragment.
    """
    try:
        parts = urlsplit(url)
        # httpx refuses more than urlsplit does, such as control characters.
        httpx.URL(url)
        parts.port  # noqa: B018
    except (ValueError, httpx.InvalidURL) as error:
        raise InvalidActionError(f"this is not an address that a message can be sent to: {error}") from error
    if not url.isascii():
        raise InvalidActionError("the address may only have ASCII characters; write another host as xn--…")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidActionError("the address has to begin with https:// (or http://) and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidActionError("the address must not contain a password, a question mark or a hash sign; remove it")
    return url.rstrip("/")


def open_client(url: str, headers: dict[str, str], timeout_seconds: float) -> httpx.Client:
    """Return a client for one server.

    It follows no redirect, because a token must only reach the host that it was entered for.

    url: address that all paths are relative to.
    headers: sent with every request.
    timeout_seconds: time that a server may take for an answer.

    Raises InvalidActionError if the address is not plain http or https.
    """
    timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10))
    return httpx.Client(base_url=checked_url(url), headers=headers, timeout=timeout, follow_redirects=False)


def fetch(client: httpx.Client, method: str, path: str, **options: Any) -> tuple[httpx.Response, bytes]:
    """Make a request and return the response with its whole body. Raises httpx.HTTPError and AnswerTooLargeError."""
    with client.stream(method, path, **options) as response:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise AnswerTooLargeError(f"the server sent more than {MAX_ANSWER_BYTES >> 20} MiB")
    return response, bytes(body)


def public_address(url: str) -> str:
    """Return an IP address of a URL's host, so that the request can go to exactly this address.

    All addresses of the host have to be public. Otherwise a user could make this server talk to machines that only it
    can reach. The setting WEBHOOKS_TO_PRIVATE_ADDRESSES allows them all.

    Raises InvalidActionError if the host is unknown or has a private address.
    """
    parts = urlsplit(checked_url(url))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        entries = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidActionError(
            f"the host {parts.hostname} cannot be found; check the spelling of the address"
        ) from error
    addresses = [str(entry[4][0]) for entry in entries]
    if not settings.WEBHOOKS_TO_PRIVATE_ADDRESSES:
        for address in addresses:
            if not _is_public(ip_address(address.split("%")[0])):
                raise InvalidActionError(
                    f"{parts.hostname} is in a private network; enter an address that is public on the internet"
                )
    return addresses[0]


def post_pinned(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post JSON to exactly the IP address that was checked, whatever the name server answers a moment later.

    url: plain http or https address.
    body: the JSON.
    headers: sent in addition to the usual ones.

    Returns the HTTP status. Raises httpx.HTTPError, and InvalidActionError as ``public_address`` does.
    """
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
    """Return whether the address is one machine on the public internet.

    An IPv6 address that wraps an IPv4 address is as public as that.
    """
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    if any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
