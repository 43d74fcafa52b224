"""Only public addresses are contacted."""

from __future__ import annotations

import pytest

from triage.errors import InvalidActionError
from triage.services.http import checked_url, public_address

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
