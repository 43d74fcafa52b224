"""Query parameters: which ones an address accepts, and with which values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from tests.api_client import API, session_client
from tests.factories import classified
from tests.world import World, build
from triage.models import Prediction

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize(
    "address",
    [
        "spectra/?class_name=SN%20XX",
        "transients/?class_name=SN%20XX",
        "queue/?class_name=SN%20XX",
        "queue/bulk/?class_name=SN%20XX",
        "classifications/?class_name=SN%20XX",
        "classifications/?class_name=SN%20XX&since=c0",
        "night/?class=SN%20XX",
    ],
)
def test_an_unknown_class_is_refused_and_classes_alike_are_named(reviewer: User, address: str) -> None:
    refused = session_client(reviewer).get(f"{API}/{address}")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_class")
    assert "“SN XX” is not a class of the taxonomy; did you mean SN Iax" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("spectra/?state=done", "queued, classified, failed, quarantined"),
        ("transients/?state=stuck", "pending, in_review, second_opinion"),
        ("queue/?state=stuck", "pending, in_review, second_opinion"),
        ("classifications/?automatic=yes", "include, only"),
        ("night/?since=year", "night, week, month, all"),
        ("night/?blind=yes", "1"),
        ("skyportal/outbox/?state=stuck", "asking, waiting, "),
    ],
)
def test_an_unknown_value_is_refused_and_the_known_ones_are_named(reviewer: User, address: str, named: str) -> None:
    refused = session_client(reviewer).get(f"{API}/{address}")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert f"choose one of {named}" in refused.json()["detail"]


@pytest.mark.parametrize("where", ["spectra", "queue"])
def test_a_group_of_others_is_refused_as_one_that_does_not_exist(make_user: Callable[..., User], where: str) -> None:
    ada = make_user("ada", "ePESSTO")
    make_user("eve", "secret")
    said = [session_client(ada).get(f"{API}/{where}/?group={name}").json() for name in ("secret", "nobodys")]
    assert said[0] == said[1]
    assert (said[0]["code"], said[0]["detail"]) == ("invalid", "group: choose one of public, ePESSTO")


def test_lists_are_narrowed_by_group_public_and_other_spellings_of_a_class(make_user: Callable[..., User]) -> None:
    ada = make_user("ada", "ePESSTO")
    classified(ada, "shared", seed=1)
    classified(ada, "inner", seed=2, group=ada.groups.get())
    Prediction.objects.update(class_name="SN II")

    def found(**query: str) -> list[str]:
        rows = session_client(ada).get(f"{API}/spectra/", query).json()["results"]
        return [row["transient"] for row in rows]

    assert found(group="public") == ["shared"]
    assert found(group="ePESSTO") == ["inner"]
    assert found(class_name="ii") == ["inner", "shared"]
    assert found(class_name="SN Ia") == []
