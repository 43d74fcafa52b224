"""Query parameters: which ones an address accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from tests.world import World, build

pytestmark = pytest.mark.django_db
API = "/api/v1"


@pytest.fixture
def world(make_user: Callable[..., User]) -> World:
    return build(make_user)


def operations() -> list[tuple[str, str, list[str]]]:
    """Return (method, path, query parameters) of each operation, except the one that serves the OpenAPI document."""
    document: Any = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return [
        (method, path, [found["name"] for found in operation.get("parameters", []) if found["in"] == "query"])
        for path, found_there in document["paths"].items()
        for method, operation in found_there.items()
        if not path.endswith("/schema/")
    ]


def test_a_mistyped_filter_is_refused_and_the_valid_ones_are_listed(world: World) -> None:
    client = Client()
    client.force_login(world.users["member"])  # type: ignore[arg-type]
    refused = client.get(f"{API}/classifications/?clas=Ia")
    assert refused.status_code == 400
    body = refused.json()
    assert body["code"] == "unknown_parameter"
    assert "clas" in body["detail"]
    assert {"class_name", "since", "fields", "format", "cursor", "page_size"} <= set(body["known"])


def test_every_operation_accepts_its_documented_parameters_and_no_others(world: World) -> None:
    client = Client()
    client.force_login(world.users["member"])  # type: ignore[arg-type]
    found = operations()
    assert len(found) > 40
    for method, path, names in found:
        where = path.format(**{name: quote(str(value), safe="") for name, value in world.ids.items()})
        refused = client.generic(method.upper(), f"{where}?no_such_parameter=1")
        assert refused.status_code == 400, (method, where)
        assert refused.json()["code"] == "unknown_parameter", (method, where)
        assert set(refused.json()["known"]) == {*names, "format"}, (method, where)
        if method == "get":
            for name in names:
                taken = client.get(where, {name: "1"})
                assert "unknown_parameter" not in b"".join(taken).decode(), (where, name)  # type: ignore[call-overload]


def test_a_refused_request_for_a_table_is_answered_in_json(world: World) -> None:
    client = Client()
    client.force_login(world.users["member"])  # type: ignore[arg-type]
    refused = client.get(f"{API}/classifications/?format=csv&revewer=ann")
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/json")


def test_a_missing_login_is_reported_before_a_wrong_parameter() -> None:
    assert Client().get(f"{API}/spectra/?stat=failed").status_code == 401
