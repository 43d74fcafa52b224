"""Only public addresses are contacted, and none of them holds a worker for long."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from pytest_django.fixtures import Settings

from triage.errors import InvalidActionError
from triage.services import http
from triage.services.http import checked_url, fetch, open_client, post_pinned, public_address

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("addresses", "public"),
    [
        (["8.8.8.8"], True),
        (["2606:4700::1111"], True),
        (["64:ff9b::808:808"], True),
        (["64:ff9b::7f00:1"], False),
        (["2002:a00:1::"], False),
        (["::ffff:127.0.0.1"], False),
        (["224.0.0.1"], False),
        (["0.0.0.0"], False),
        (["100.64.0.1"], False),
        (["fe80::1%eth0"], False),
        (["fec0::1"], False),
        (["3fff::1"], False),
        (["192.88.99.1"], False),
        (["8.8.8.8", "127.0.0.1"], False),
    ],
)
def test_a_host_name_is_public_only_if_all_its_addresses_are(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], public: bool
) -> None:
    monkeypatch.setattr(
        "triage.services.http.socket.getaddrinfo", lambda *asked, **more: [(0, 0, 0, "", (a, 443)) for a in addresses]
    )
    if public:
        assert public_address("https://example.org/") == addresses[0]
        return
    with pytest.raises(InvalidActionError, match="private network"):
        public_address("https://example.org/")


@pytest.mark.parametrize(
    "url",
    [
        "http://a\x01b.example/",
        "http://１２７.0.0.1/",
        "http://example.org:99999/",
        "http://[::1/",
    ],
)
def test_an_address_that_no_message_can_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidActionError):
        checked_url(url)


@pytest.mark.parametrize("url", [f"https://{'a' * 64}.example/", "https://a..example/", "https://.example/"])
def test_a_host_name_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(InvalidActionError, match="cannot be found"):
        public_address(url)


@contextlib.contextmanager
def slow_server(start: bytes, *before: bytes) -> Iterator[str]:
    """Run a server that sends the start of an answer and then a byte every 50 ms for 5 s; yield its address.

    before: whole answers that it gives first.
    """
    ended = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            for answer in (*before, start):
                connection.recv(65536)
                connection.sendall(answer)
            for _ in range(100):
                if ended.wait(0.05):
                    return
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()
        thread.join()


def test_a_receiver_that_sends_its_answer_byte_by_byte_is_cut_off(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(http, "PINNED_TIMEOUT_SECONDS", 0.5)
    with slow_server(b"HTTP/1.1 200 OK\r\nX-Slow: ") as url:
        began = time.monotonic()
        with pytest.raises(httpx.HTTPError):
            post_pinned(url, b"{}", {})
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
    ],
    ids=["body", "body of unknown length", "headers"],
)
def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr(http, "LONGEST_REQUEST_SECONDS", 0.5)
    with slow_server(start) as url, open_client(url, {}, 2) as client:
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            fetch(client, "GET", "/")
        assert time.monotonic() - began < 3


def test_a_later_answer_on_the_same_connection_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_REQUEST_SECONDS", 0.5)
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with slow_server(b"HTTP/1.1 200 OK\r\nX-Slow: ", first) as url, open_client(url, {}, 2) as client:
        assert fetch(client, "GET", "/")[1] == b"{}"
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            fetch(client, "GET", "/")
        assert time.monotonic() - began < 3
