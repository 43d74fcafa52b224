"""Each visitor's answer from every address of the URLconf; an address without a rule here fails the test."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.access_rules import JSON_ONLY, RULES, VISITORS, Rule
from tests.world import MARK, PUBLIC, World, build
from triage.models import ApiToken, Scope

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Statuses of a method that an address does not support. Any other status belongs to an endpoint without a rule.
REFUSED = {302, 401, 403, 404, 405, 415}


# On Django's own pages, other users than staff see only the login. Staff see what their permissions allow.
ADMIN = "admin/"


def routes(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[str]:
    """Yield every address of the URLconf as it is written there."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern)


ROUTES = sorted(set(routes()))
OWN = [route for route in ROUTES if not route.startswith(ADMIN)]
MISSING = {"name": "SN 1000none", "action": "approve", "batch": "00000000-0000-4000-8000-000000000000"}
JSON_ALONE = (
    "/reread/",
    "/move/",
    "/tns/",
    "/claim/",
    "/api/v1/queue/bulk/",
    "/api/v1/queue/views/",
    "/policies/automatic/dry_run/",
    "/api/v1/policies/automatic/switch/",
)


def address(route: str, values: dict[str, object]) -> str:
    if route.endswith("(?P<path>.*)$"):
        return f"/{route.split('^')[0]}nothing/"
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: quote(str(values.get(found[1], 999_999)), safe=""), route)


@pytest.fixture
def world(make_user: Callable[..., User]) -> World:
    return build(make_user)


def client_of(world: World, visitor: str) -> Client:
    # A fixed id makes the answers comparable.
    client = Client(headers={"X-Request-ID": "matrix"})
    if user := world.users[visitor]:
        client.force_login(user)
    return client


def allowed(rule: Rule, method: str, visitor: str) -> set[int]:
    expected = getattr(rule, "GET" if method == "HEAD" else method, None)
    if expected is not None:
        return {expected[VISITORS.index(visitor)]}
    # OPTIONS may answer with what an address accepts; its text is still searched for private words.
    return REFUSED | {200} if method == "OPTIONS" else REFUSED


def ask(client: Client, method: str, where: str, body: dict[str, Any] | None = None) -> Any:
    if (method == "POST" and where.startswith(JSON_ONLY)) or where.endswith(JSON_ALONE):
        return client.generic(method, where, json.dumps(body or {}), content_type="application/json")
    if method == "POST":
        return client.post(where, body or {})
    if method == "PATCH":
        return client.patch(where, {}, content_type="application/json")
    return client.generic(method, where)


def headers_of(response: Any) -> str:
    """Return all headers except the one that contains the time."""
    return str({name: value for name, value in response.headers.items() if name != "Expires"})


def said(client: Client, response: Any, where: str) -> str:
    # The login page names the signed-in user.
    texts = [headers_of(response), b"".join(response).decode(errors="replace")]
    if response.status_code == 302 and not response.headers["Location"].startswith("/login/"):
        followed = client.get(response.headers["Location"])
        texts += [headers_of(followed), b"".join(followed).decode(errors="replace")]
    told = " ".join(texts)
    for own in {where, quote(where), quote(where, safe=""), where.replace("&", "&amp;")}:
        told = told.replace(own, "")
    return told


def test_every_address_has_a_rule_and_every_rule_an_address() -> None:
    assert set(OWN) == set(RULES)


@pytest.mark.parametrize("route", OWN)
def test_each_visitor_gets_the_stated_answer_and_no_stranger_sees_private_text(world: World, route: str) -> None:
    rule = RULES[route]
    path = address(route, world.ids | dict(rule.params))
    before = world.state()
    for visitor, method in itertools.product(VISITORS, METHODS):
        with transaction.atomic():
            client = client_of(world, visitor)
            where = path + rule.query() if method == "GET" else path
            response = ask(client, method, where, rule.body())
            assert response.status_code in allowed(rule, method, visitor), f"{method} {where} as {visitor}"
            told = said(client, response, where)
            if visitor != "member" and not (visitor == "staff" and rule.for_staff):
                assert MARK not in told.lower(), f"{method} {where} tells {visitor} something"
                assert world.state() == before, f"{method} {where} lets {visitor} change something"
            elif method == "GET" and rule.shows:
                assert MARK in told.lower(), f"{where} shows the member nothing private, so that it proves nothing"
            transaction.set_rollback(True)


@pytest.mark.parametrize("route", [route for route in OWN if RULES[route].like_missing])
def test_a_private_record_looks_to_strangers_like_a_missing_one(world: World, route: str) -> None:
    rule = RULES[route]
    visitors = ("stranger",) if rule.for_staff else ("stranger", "staff")
    for visitor, method in itertools.product(visitors, ("GET", "POST", "DELETE")):
        answers = []
        for values in (world.ids, MISSING):
            where = address(route, values | dict(rule.params))
            with transaction.atomic():
                client = client_of(world, visitor)
                response = ask(client, method, where, rule.body())
                # But for its form's token, and for how long something has been waiting on a slow machine.
                told = re.sub(
                    r'csrfmiddlewaretoken" value="\w+"|wait(?:s|ing) \d+ \w+', "", said(client, response, where)
                )
                answers.append((response.status_code, told))
                transaction.set_rollback(True)
        assert answers[0] == answers[1], f"{method} {route} tells {visitor} what exists"


def test_the_admin_is_for_staff_alone(world: World) -> None:
    admin = [route for route in ROUTES if route.startswith(ADMIN)]
    assert len(admin) > 20
    for visitor, route, method in itertools.product(VISITORS[:3], admin, ("GET", "POST")):
        client = client_of(world, visitor)
        where = re.sub(r"\(\?P<app_label>[^)]*\)/?\$?|\(\?P<url>\.\*\)\$", "triage/", route)
        response = ask(client, method, address(where, {"object_id": 1}))
        assert response.status_code in {302, 404} or "/login/" in route, f"{method} {where} as {visitor}"
        # The login says as whom one is signed in.
        assert MARK not in b"".join(response).decode().replace(f"{MARK}-owner", "").lower()


def probes(world: World) -> list[str]:
    # The search box and the links of the pages repeat the typed text.
    public = f"/transients/{quote(PUBLIC)}/"
    spectrum, mixed = world.ids["spectrum_id"], world.mixed
    return [
        *(f"/?state={state}&q={word}" for state in ("all", "processing", "failed", "vetted") for word in ("", MARK)),
        f"{public}?spectrum={mixed}",
        f"{public}plot/?spectrum={mixed}",
        f"{public}?spectrum={spectrum}",
        f"{public}plot/samples/?spectrum={mixed}",
        f"{public}twins/?spectrum={mixed}",
        f"{public}twins/",
        f"{public}photometry/",
        f"{public}photometry/plot/",
        f"{public}plot/?spectrum={spectrum}",
        f"{public}tns/?spectrum={mixed}",
        f"{public}tns/report.json?spectrum={mixed}",
        f"/vetted/?reviewer={MARK}-owner",
        "/skyportal/outbox/?state=asking",
        f"/api/v1{public}",
        f"/api/v1/classifications/?reviewer={MARK}-owner",
        "/api/v1/classifications/?format=csv",
        "/api/v1/classifications/?format=votable",
        "/api/v1/spectra/?page_size=500",
    ]


def test_query_parameters_do_not_reveal_private_records(world: World) -> None:
    for visitor in ("anonymous", "stranger", "staff"):
        client = client_of(world, visitor)
        for where in probes(world):
            told = said(client, client.get(where), where)
            # The search box and the pages' links repeat what was typed.
            told = re.sub(rf'“{MARK}[^”]*”|value="{MARK}[^"]*"|[?&;](q|reviewer|next)=[^"\s]*', "", told)
            assert MARK not in told.lower(), f"{where} tells {visitor} something"
    member = client_of(world, "member")
    assert MARK in said(member, member.get(f"/api/v1/transients/{quote(PUBLIC)}/"), "")


@pytest.mark.parametrize("body", ["spectrum", "prediction"])
def test_a_decision_cannot_rest_on_a_spectrum_that_the_reviewer_may_not_see(world: World, body: str) -> None:
    client = client_of(world, "stranger")
    sent = {"verdict": "unsure", body: world.mixed if body == "spectrum" else world.prediction}
    refused = client.post(f"/api/v1/transients/{quote(PUBLIC)}/decisions/", sent)
    assert refused.status_code == 400
    assert MARK not in refused.content.decode()


def test_no_address_accepts_a_post_from_another_site(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    user = world.users["member"]
    assert user is not None
    client.force_login(user)
    for route in OWN:
        response = client.post(address(route, world.ids), RULES[route].body())
        expected = {404} if route.endswith("(?P<path>.*)$") else {403, 405}
        assert response.status_code in expected, route


def test_a_token_gives_access_to_the_api_and_to_no_page(world: World) -> None:
    user = world.users["member"]
    assert user is not None
    headers = {"Authorization": f"Token {ApiToken.issue(user, 'test', tuple(Scope))[1]}"}
    assert Client().get("/api/v1/spectra/", headers=headers).status_code == 200
    assert Client().get("/", headers=headers).status_code == 302
