"""Who gets what from every address. The addresses come from the URLconf: one without a rule here fails."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.world import MARK, PUBLIC, World, build, private_file
from triage.models import ApiToken

JSON_ONLY = tuple(f"/api/v1/{part}/" for part in ("skyportal", "tns", "webhooks", "notifications", "tokens"))
VISITORS = ("anonymous", "stranger", "member", "staff")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What a method that an address does not know may answer; anything else is an endpoint that nobody wrote a rule for.
REFUSED = {302, 401, 403, 404, 405, 415}


@dataclasses.dataclass(frozen=True)
class Rule:
    """Statuses by method, each for anonymous, stranger, member of the group, staff of another group.

    shows: the member sees private things there, so that the test would notice if they were shown to others.
    like_missing: to a stranger the private thing's address answers as one of a thing that does not exist. body: what
    POST sends."""

    GET: tuple[int, int, int, int] | None = None
    POST: tuple[int, int, int, int] | None = None
    DELETE: tuple[int, int, int, int] | None = None
    PUT: tuple[int, int, int, int] | None = None
    PATCH: tuple[int, int, int, int] | None = None
    shows: bool = False
    like_missing: bool = False
    body: Callable[[], dict[str, Any]] = dict
    params: tuple[tuple[str, str], ...] = ()


OPEN = Rule(GET=(200, 200, 200, 200))
PAGE = Rule(GET=(302, 200, 200, 200), shows=True)
FORM = Rule(GET=(302, 200, 200, 200), POST=(302, 200, 200, 200))
LIST = Rule(GET=(401, 200, 200, 200), shows=True)
PRIVATE_PAGE = Rule(GET=(302, 404, 200, 404), shows=True, like_missing=True)
PRIVATE = Rule(GET=(401, 404, 200, 404), shows=True, like_missing=True)
# The answer of an act is a redirect, for others with the words that there is no such thing.
ACT = Rule(POST=(302, 302, 302, 302), like_missing=True)
STAFF_FORM = Rule(GET=(302, 403, 403, 200), POST=(302, 403, 403, 200))


def upload() -> dict[str, Any]:
    return {"file": SimpleUploadedFile("sent.txt", private_file())}


def uploads() -> dict[str, Any]:
    return {"spectra": [SimpleUploadedFile("sent.txt", private_file())]}


def photometry() -> dict[str, Any]:
    return {"file": SimpleUploadedFile("sent.csv", b"mjd,filter,mag\n60000,r,18\n")}


def push() -> dict[str, Any]:
    return {"callback_url": f"https://{MARK}.example/api/webhook/obj_analysis/1", "inputs": {"spectra": "a,b"}}


def submission() -> dict[str, Any]:
    return {"target": "sandbox", "confirmation": "2026abc"}


def change(rule: Rule, **changes: Any) -> Rule:
    return dataclasses.replace(rule, **changes)


RULES: dict[str, Rule] = {
    "api/v1/": change(LIST, shows=False),
    "api/v1/schema/": OPEN,
    "api/v1/spectra/": change(LIST, POST=(401, 202, 202, 202), body=upload),
    "api/v1/spectra/<int:spectrum_id>/": PRIVATE,
    "api/v1/spectra/<int:spectrum_id>/arrays/": change(PRIVATE, shows=False),
    "api/v1/spectra/<int:spectrum_id>/original/": PRIVATE,
    # A stranger cannot tell a private spectrum from none.
    "api/v1/spectra/<int:spectrum_id>/twins/": change(PRIVATE, shows=False),
    # Nothing is stored of what spoke for the prediction.
    "api/v1/spectra/<int:spectrum_id>/evidence/": Rule(GET=(401, 404, 404, 404), like_missing=True),
    "api/v1/spectra/<int:spectrum_id>/reread/": Rule(POST=(401, 404, 202, 404), like_missing=True),
    # A decision rests on the private spectrum, so that it cannot be moved.
    "api/v1/spectra/<int:spectrum_id>/move/": Rule(
        POST=(401, 404, 409, 404), like_missing=True, body=lambda: {"transient": "ELSEWHERE"}
    ),
    # The private spectrum was classified, so that there is nothing to discard.
    "api/v1/spectra/<int:spectrum_id>/discard/": Rule(POST=(401, 404, 409, 404), like_missing=True),
    "api/v1/spectra/<int:spectrum_id>/restore/": Rule(POST=(401, 404, 409, 404), like_missing=True),
    "api/v1/transients/": LIST,
    "api/v1/transients/<str:name>/": PRIVATE,
    "api/v1/transients/<str:name>/decisions/": Rule(
        POST=(401, 404, 201, 404), like_missing=True, body=lambda: {"verdict": "unsure"}
    ),
    "api/v1/transients/<str:name>/claim/": Rule(
        POST=(401, 404, 200, 404), DELETE=(401, 404, 204, 404), like_missing=True
    ),
    "api/v1/transients/<str:name>/photometry/": change(PRIVATE, POST=(401, 404, 201, 404), body=photometry),
    "api/v1/photometry/<int:photometry_id>/": change(PRIVATE, DELETE=(401, 404, 204, 404)),
    "api/v1/decisions/<int:decision_id>/": Rule(DELETE=(401, 404, 200, 404), like_missing=True),
    "api/v1/queue/": change(LIST, shows=False),
    "api/v1/queue/counts/": change(LIST, shows=False),
    "api/v1/queue/views/": change(LIST, POST=(401, 201, 201, 201), body=lambda: {"name": "a view"}),
    "api/v1/queue/views/<int:view_id>/": Rule(DELETE=(401, 404, 204, 404), like_missing=True),
    # An empty body lacks name, address and token.
    "api/v1/skyportal/instances/": change(LIST, POST=(401, 403, 403, 400)),
    # The member of the group is no staff, and the staff is of another group.
    "api/v1/skyportal/instances/<int:instance_id>/": change(PRIVATE, PATCH=(401, 403, 403, 404)),
    "api/v1/skyportal/instances/<int:instance_id>/sync/": Rule(POST=(401, 404, 202, 404), like_missing=True),
    "api/v1/skyportal/runs/": LIST,
    "api/v1/skyportal/runs/<int:run_id>/": PRIVATE,
    "api/v1/skyportal/outbox/": LIST,
    "api/v1/skyportal/outbox/<int:post_id>/": Rule(
        POST=(401, 404, 200, 404), like_missing=True, body=lambda: {"action": "approve"}
    ),
    # The callback lies on the private connection, which only its group may use.
    "api/v1/skyportal/analysis/": Rule(POST=(401, 400, 200, 400), body=push),
    "api/v1/transients/<str:name>/tns/": change(PRIVATE, POST=(401, 404, 409, 404), body=submission),
    "api/v1/tns/": LIST,
    "api/v1/tns/<int:report_id>/settle/": Rule(
        POST=(401, 404, 409, 404), like_missing=True, body=lambda: {"arrived": True}
    ),
    "api/v1/webhooks/": change(LIST, POST=(401, 400, 400, 400)),
    "api/v1/webhooks/<int:webhook_id>/": Rule(
        GET=(401, 404, 200, 404), DELETE=(401, 404, 204, 404), shows=True, like_missing=True
    ),
    "api/v1/webhooks/<int:webhook_id>/replay/": Rule(POST=(401, 404, 200, 404), like_missing=True),
    "api/v1/tokens/": change(LIST, POST=(401, 201, 201, 201), body=lambda: {"label": "a token"}),
    "api/v1/tokens/<int:token_id>/": Rule(DELETE=(401, 404, 204, 404), like_missing=True),
    "api/v1/notifications/test/": Rule(POST=(401, 202, 202, 202)),
    "api/v1/notifications/latest/": LIST,
    "api/v1/notifications/": Rule(GET=(401, 200, 200, 200), PATCH=(401, 200, 200, 200), shows=True),
    "api/v1/queue/bulk/": Rule(
        GET=(401, 200, 200, 200), POST=(401, 200, 200, 200), body=lambda: {"predictions": {"SN 1000none": 1}}
    ),
    "api/v1/batches/<uuid:batch>/": Rule(DELETE=(401, 404, 200, 404), like_missing=True),
    # An empty body is refused.
    "api/v1/policies/": change(LIST, PUT=(401, 400, 400, 400)),
    "api/v1/agreement/": change(LIST, shows=False),
    "api/v1/night/": change(LIST, shows=False),
    "api/v1/classifications/": LIST,
    "api/v1/^(?P<path>.*)$": Rule(GET=(404,) * 4, POST=(404,) * 4, DELETE=(404,) * 4),
    "api/docs/": OPEN,
    "favicon.ico": Rule(GET=(302,) * 4, POST=(302,) * 4, DELETE=(302,) * 4),
    "": PAGE,
    "healthz": OPEN,
    "readyz": OPEN,
    "metrics": Rule(GET=(404,) * 4),
    "queue/counts/": change(PAGE, shows=False),
    "queue/views/": Rule(POST=(302,) * 4, body=lambda: {"name": "a view"}),
    "queue/bulk/": change(FORM, POST=(302,) * 4, body=lambda: {"row": "1 SN 1000none"}),
    "queue/bulk/<uuid:batch>/undo/": ACT,
    "tonight/": change(PAGE, shows=False),
    "tonight/plots/": change(PAGE, shows=False),
    "agreement/": change(PAGE, shows=False),
    "policies/": change(FORM, POST=(302,) * 4, shows=True),
    "upload/": change(FORM, body=uploads),
    "vetted/": PAGE,
    "quarantine/": PAGE,
    "transients/<str:name>/": PRIVATE_PAGE,
    "transients/<str:name>/plot/": change(PRIVATE_PAGE, shows=False),
    "transients/<str:name>/plot/samples/": change(PRIVATE_PAGE, shows=False),
    "transients/<str:name>/twins/": PRIVATE_PAGE,
    "transients/<str:name>/photometry/": change(PRIVATE_PAGE, POST=(302, 404, 302, 404), body=photometry),
    "transients/<str:name>/photometry/plot/": change(PRIVATE_PAGE, shows=False),
    "photometry/<int:photometry_id>/remove/": ACT,
    "transients/<str:name>/claim/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "transients/<str:name>/decide/": Rule(
        POST=(302, 404, 302, 404), like_missing=True, body=lambda: {"verdict": "unsure"}
    ),
    "decisions/<int:decision_id>/undo/": ACT,
    "spectra/<int:spectrum_id>/": PRIVATE_PAGE,
    "spectra/<int:spectrum_id>/reread/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "spectra/<int:spectrum_id>/move/": Rule(
        POST=(302, 404, 302, 404), like_missing=True, body=lambda: {"transient": "ELSEWHERE"}
    ),
    "spectra/<int:spectrum_id>/settle/<str:action>/": Rule(
        POST=(302, 404, 302, 404), like_missing=True, params=(("action", "discard"),)
    ),
    "spectra/<int:spectrum_id>/original/": PRIVATE_PAGE,
    "skyportal/": PAGE,
    "skyportal/add/": STAFF_FORM,
    # The member of the group is no staff, and the staff is of another group.
    "skyportal/<int:instance_id>/": Rule(GET=(302, 403, 403, 404), POST=(302, 403, 403, 404), like_missing=True),
    "skyportal/<int:instance_id>/sync/": ACT,
    "skyportal/outbox/": PAGE,
    "skyportal/outbox/<int:post_id>/<str:action>/": ACT,
    "tns/": PAGE,
    "tns/<int:report_id>/settle/": change(ACT, body=lambda: {"arrived": "1"}),
    "transients/<str:name>/tns/": PRIVATE_PAGE,
    "transients/<str:name>/tns/report.json": PRIVATE_PAGE,
    "transients/<str:name>/tns/spectrum.txt": change(PRIVATE_PAGE, shows=False),
    "transients/<str:name>/tns/send/": Rule(POST=(302, 404, 302, 404), like_missing=True),
    "account/tokens/": change(FORM, shows=True),
    "account/tokens/<int:token_id>/revoke/": ACT,
    "account/webhooks/": change(FORM, shows=True),
    "account/webhooks/<int:webhook_id>/<str:action>/": change(ACT, params=(("action", "replay"),)),
    "account/notifications/": change(FORM, POST=(302, 302, 302, 302), shows=True),
    "account/notifications/test/": Rule(POST=(302,) * 4),
    # Who is signed in is sent on to the queue.
    # Django takes a PUT there as a POST.
    "login/": Rule(GET=(200, 302, 302, 302), POST=(200, 302, 302, 302), PUT=(200, 302, 302, 302)),
    "logout/": Rule(POST=(302,) * 4),
}
# Django's own pages, where a user who is no staff sees the login alone. Staff see what their permissions say.
ADMIN = "admin/"


def routes(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[str]:
    """Every address of the URLconf as it is written there."""
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
)


def address(route: str, values: dict[str, object]) -> str:
    if route.endswith("(?P<path>.*)$"):
        return f"/{route.split('^')[0]}nothing/"
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: quote(str(values.get(found[1], 999_999)), safe=""), route)


@pytest.fixture
def world(make_user: Callable[..., User]) -> World:
    return build(make_user)


def client_of(world: World, visitor: str) -> Client:
    # Else each answer would have an id of its own.
    client = Client(headers={"X-Request-ID": "matrix"})
    if user := world.users[visitor]:
        client.force_login(user)
    return client


def allowed(rule: Rule, method: str, visitor: str) -> set[int]:
    expected = getattr(rule, "GET" if method == "HEAD" else method, None)
    if expected is not None:
        return {expected[VISITORS.index(visitor)]}
    # OPTIONS tells what an address takes; private words are looked for in it all the same.
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
    """All headers but the one that tells the second."""
    return str({name: value for name, value in response.headers.items() if name != "Expires"})


def said(client: Client, response: Any, where: str) -> str:
    """All that an answer tells, with what a redirect leads to; without the address that was asked for."""
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
def test_each_visitor_gets_what_the_rule_says_and_no_stranger_a_private_word(world: World, route: str) -> None:
    rule = RULES[route]
    where = address(route, world.ids | dict(rule.params))
    before = world.state()
    for visitor, method in itertools.product(VISITORS, METHODS):
        with transaction.atomic():
            client = client_of(world, visitor)
            response = ask(client, method, where, rule.body())
            assert response.status_code in allowed(rule, method, visitor), f"{method} {where} as {visitor}"
            told = said(client, response, where)
            if visitor != "member":
                assert MARK not in told.lower(), f"{method} {where} tells {visitor} something"
                assert world.state() == before, f"{method} {where} lets {visitor} change something"
            elif method == "GET" and rule.shows:
                assert MARK in told.lower(), f"{where} shows the member nothing private, so that it proves nothing"
            transaction.set_rollback(True)


@pytest.mark.parametrize("route", [route for route in OWN if RULES[route].like_missing])
def test_what_is_private_looks_like_what_does_not_exist(world: World, route: str) -> None:
    rule = RULES[route]
    for visitor, method in itertools.product(("stranger", "staff"), ("GET", "POST", "DELETE")):
        answers = []
        for values in (world.ids, MISSING):
            where = address(route, values | dict(rule.params))
            with transaction.atomic():
                client = client_of(world, visitor)
                response = ask(client, method, where, rule.body())
                # But for its form's token, and for how long something has been waiting on a slow machine.
                told = re.sub(r'csrfmiddlewaretoken" value="\w+"|waiting \d+ \w+', "", said(client, response, where))
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
    """Addresses of one's own with the ids of others' in their parameters."""
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


def test_parameters_do_not_open_what_addresses_keep_shut(world: World) -> None:
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
def test_a_decision_cannot_rest_on_what_the_reviewer_may_not_see(world: World, body: str) -> None:
    client = client_of(world, "stranger")
    sent = {"verdict": "unsure", body: world.mixed if body == "spectrum" else world.prediction}
    refused = client.post(f"/api/v1/transients/{quote(PUBLIC)}/decisions/", sent)
    assert refused.status_code == 400
    assert MARK not in refused.content.decode()


def test_no_address_takes_a_post_of_another_site(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    user = world.users["member"]
    assert user is not None
    client.force_login(user)
    for route in OWN:
        response = client.post(address(route, world.ids), RULES[route].body())
        expected = {404} if route.endswith("(?P<path>.*)$") else {403, 405}
        assert response.status_code in expected, route


def test_a_token_opens_the_api_and_no_page(world: World) -> None:
    user = world.users["member"]
    assert user is not None
    headers = {"Authorization": f"Token {ApiToken.issue(user, 'test')[1]}"}
    assert Client().get("/api/v1/spectra/", headers=headers).status_code == 200
    assert Client().get("/", headers=headers).status_code == 302
