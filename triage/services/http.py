"""HTTP requests to other services, bounded in time and size and never redirected to another host."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.conf import settings

from triage.errors import InvalidActionError

MAX_ANSWER_BYTES = 64 << 20
# A request whose answer is not complete by then is given up. Every lease of a caller is longer than that.
LONGEST_REQUEST_SECONDS = 60
PINNED_TIMEOUT_SECONDS = 10
# Python takes these for public, but they lead to no machine of the internet: site-local, documentation, relays.
NOT_PUBLIC = tuple(ip_network(text) for text in ("fec0::/10", "3fff::/20", "192.88.99.0/24"))
# A gateway translates these IPv6 addresses to IPv4 ones.
NAT64 = ip_network("64:ff9b::/96")


class AnswerTooLargeError(Exception):
    """A server sent more than MAX_ANSWER_BYTES."""


class HttpClient(httpx.Client):
    """A client for one request after the other.

    connected: socket of its newest connection, or None before the first.
    """

    connected: socket.socket | None = None


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


def open_client(url: str, headers: dict[str, str], timeout_seconds: float) -> HttpClient:
    """Return a client for one server.

    It follows no redirect, because a token must only reach the host that it was entered for.

    url: address that all paths are relative to.
    headers: sent with every request.
    timeout_seconds: time that a server may take until an answer begins.

    Raises InvalidActionError if the address is not plain http or https.
    """
    timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10))
    return HttpClient(base_url=checked_url(url), headers=headers, timeout=timeout, follow_redirects=False)


def fetch(client: HttpClient, method: str, path: str, **options: Any) -> tuple[httpx.Response, bytes]:
    """Make a request and return the response with its whole body.

    Raises AnswerTooLargeError and httpx.HTTPError, the latter also after LONGEST_REQUEST_SECONDS.
    """
    with (
        _cut_off(client, LONGEST_REQUEST_SECONDS) as watch,
        client.stream(method, path, extensions=watch, **options) as response,
    ):
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
    except (OSError, UnicodeError) as error:
        # A part between two dots that is empty or too long is a UnicodeError.
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

    Returns the HTTP status. Raises httpx.HTTPError, also if the answer has not begun in PINNED_TIMEOUT_SECONDS, and
    InvalidActionError as ``public_address`` does.
    """
    parts = urlsplit(url)
    address = public_address(url)
    host = f"[{address}]" if ":" in address else address
    pinned = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
    sent = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "spectrum-triage", **headers}
    extensions = {"sni_hostname": parts.hostname} if parts.scheme == "https" else {}
    with (
        HttpClient(timeout=PINNED_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
        _cut_off(client, PINNED_TIMEOUT_SECONDS) as watch,
        client.stream("POST", pinned, content=body, headers=sent, extensions=extensions | watch) as response,
    ):
        return response.status_code


@contextlib.contextmanager
def _cut_off(client: HttpClient, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield extensions for a request whose connection is cut off after some time, if it still goes on then.

    The timeouts of httpx begin anew with each byte, so that a server which sends one now and then would hold a worker
    for ever. Raises httpx.ReadTimeout after a cut.
    """
    over = threading.Event()

    def cut() -> None:
        over.set()
        if client.connected is not None:
            with contextlib.suppress(OSError):
                # The method of an SSLSocket would also drop its TLS state, which the other thread is using.
                socket.socket.shutdown(client.connected, socket.SHUT_RDWR)

    def watch(event: str, told: dict[str, Any]) -> None:
        # TLS continues on a socket of its own.
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            client.connected = told["return_value"].get_extra_info("socket")
            if over.is_set():
                cut()

    timer = threading.Timer(seconds, cut)
    timer.start()
    try:
        yield {"trace": watch}
    except httpx.HTTPError:
        if not over.is_set():
            raise
    finally:
        timer.cancel()
    if over.is_set():
        raise httpx.ReadTimeout(f"the answer took longer than {seconds} s")


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
