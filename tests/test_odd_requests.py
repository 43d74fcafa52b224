"""No odd value in an address, a form or a JSON body breaks an address: the answer is never a server error."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from tests.access_rules import RULES
from tests.test_security_matrix import OWN, address
from tests.world import World, build
from triage.errors import InvalidActionError
from triage.services import http

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CURSORS = [base64.b64encode(text).decode() for text in (b"p=", b"p=nan", b"p=\0", b"p=\xff", b"o=\xb2", b"r=1&p=x")]
# Texts that are no text, no number, no time, no address, or one of them at the edge of what a column holds.
TEXTS = [
    *("", "a\0b", "\u202e", "x" * 5000, "%", "[", "%zz", "../..", "\\", "'\"", "\ufeff", "sn \U0001f4a5"),
    *("nan", "-inf", "1e999", "-1", "9" * 30, "1" * 5000, "\u00b2", "\uff11\uff12", "0x10", "c" + "9" * 18),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-45", "9999-12-31"),
    *("http://[", "https://a\x01b/", "https://\uff11.\uff12/", "https://x:99999/", "//[::1"),
    *CURSORS,
]
# Pages are slow to draw, so that they get those few that break the most.
FEW = ["a\0b", "nan", "9" * 30, "\u00b2", "2026-13-45", "9999-12-31", "http://["]
VALUES: list[Any] = [
    *(None, True, -1, 2**63, 2**200, 1e308, [], {}, [None], [[]], {"a": {}}, ["\ud800"], {"\ud800": 1}, {"a\0": "\0"}),
    *("\ud800", "a\ud800b", *TEXTS),
]
BODIES = [
    *(b"", b"null", b"[]", b'"x"', b"1", b"NaN", b"{", b"\xff\xfe", b'{"a": Infinity}', b'{"a": ' + b"1" * 5000 + b"}"),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900, b'{"\\ud800": "\\ud800"}', b'"\\u0000"'),
]
# Names of the parameters and the fields of forms that the source of a page reads.
PARAMETER = re.compile(
    r'(?:GET|POST)(?:\.\w+\(|\[)"(\w+)"|fields\["(\w+)"\]|^    (\w+) = (?:forms\.|\w+Field\()', re.MULTILINE
)
FILTERS = ("state", "class", "q", "group", "instrument", "from", "to", "above", "below", "mine")

Requests = Iterator[tuple[str, str, Any, str]]


@pytest.fixture
def world(make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch) -> World:
    """Build a desk with private records that asks no name server for the odd web addresses."""

    def nowhere(url: str) -> str:
        raise InvalidActionError("the host cannot be found")

    monkeypatch.setattr(http, "public_address", nowhere)
    return build(make_user)


def broken(world: World, requests: Requests) -> list[str]:
    """Send the requests as the member. Return those that were answered with a server error."""
    client = Client(raise_request_exception=False)
    client.force_login(world.users["member"])  # type: ignore[arg-type]
    found = []
    for method, where, body, content_type in requests:
        with transaction.atomic():
            response = client.generic(method, where, body, content_type=content_type)
            b"".join(response)  # type: ignore[call-overload]
            transaction.set_rollback(True)
        if response.status_code >= 500:
            found.append(f"{response.status_code} {method} {where[:200]} {str(body)[:200]}")
    return found


def operations() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Yield method, path, description and the properties of the body of each operation of the API."""
    document: Any = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    for path, there in document["paths"].items():
        for method, operation in there.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = next(iter(content.values()))["schema"] if content else {}
            name = schema.get("$ref", "").rpartition("/")[2]
            schema = document["components"]["schemas"].get(name, schema)
            yield method.upper(), path, operation, {next(iter(content), ""): schema.get("properties", {})}


def odd_parameters(world: World) -> Requests:
    for method, path, operation, _ in operations():
        ids = {name: quote(str(value), safe="") for name, value in world.ids.items()}
        for parameter in operation.get("parameters", []):
            for text in TEXTS:
                if parameter["in"] == "query":
                    yield method, f"{path.format(**ids)}?{urlencode({parameter['name']: text})}", "", "application/json"
                elif text:
                    yield method, path.format(**ids | {parameter["name"]: quote(text, safe="")}), "", "application/json"


def odd_bodies(world: World) -> Requests:
    ids = {name: quote(str(value), safe="") for name, value in world.ids.items()}
    for method, path, _, body in operations():
        (kind, properties), where = next(iter(body.items())), path.format(**ids)
        valid = RULES[_route(path)].body() if method == "POST" else {}
        if kind == "application/json":
            yield from ((method, where, sent, kind) for sent in BODIES)
            for name in properties:
                yield from ((method, where, json.dumps(valid | {name: value}), kind) for value in VALUES)
        elif kind:
            for name in properties:
                yield from ((method, where, *_form(valid | {name: text})) for text in TEXTS)


def odd_pages(world: World) -> Requests:
    for route in OWN:
        if route.startswith("api/"):
            continue
        rule = RULES[route]
        values = world.ids | dict(rule.params)
        where = address(route, values)
        view = resolve(where).func
        source = inspect.getsource(inspect.getmodule(view))  # type: ignore[arg-type]
        names = {name for found in PARAMETER.findall(source) for name in found if name}
        for text in FEW:
            for name in re.findall(r"<(?:\w+:)?(\w+)>", route):
                yield "GET", address(route, values | {name: text}), "", ""
                yield "POST", address(route, values | {name: text}), *_form(rule.body())
            for name in sorted({*names, *(FILTERS if "QueueFilter" in source else ())}):
                if rule.GET:
                    yield "GET", f"{where}?{urlencode({name: text})}", "", ""
                if rule.POST:
                    yield "POST", where, *_form(rule.body() | {name: text})


def _route(path: str) -> str:
    return next(route for route in RULES if re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{route}") == path)


def _form(fields: dict[str, Any]) -> tuple[bytes, str]:
    return encode_multipart(BOUNDARY, fields), MULTIPART_CONTENT


@pytest.mark.parametrize("requests", [odd_parameters, odd_bodies, odd_pages])
def test_an_odd_request_is_never_answered_with_a_server_error(
    world: World, requests: Callable[[World], Requests]
) -> None:
    failures = broken(world, requests(world))
    assert not failures, f"{len(failures)}\n" + "\n".join(failures)
