"""Requests generated from the API's schema cause no server error and only documented answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.world import MARK, World, build
from triage.errors import InvalidActionError
from triage.models import ApiToken, Scope
from triage.services import http
from triage.wsgi import application

pytestmark = pytest.mark.django_db

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Requests for each operation; SCHEMA_EXAMPLES=300 searches deeper.
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "12"))


@pytest.fixture
def world(make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch) -> World:
    """Build a desk with private records that asks no name server for the generated web addresses."""

    def nowhere(url: str) -> str:
        raise InvalidActionError("the host cannot be found")

    monkeypatch.setattr(http, "public_address", nowhere)
    return build(make_user)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Keep the test's database connection open at the end of a request, as Django's own test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def keys(world: World) -> list[str | None]:
    """Return the token of a member, the token of a stranger, and None for a request without a login."""
    users = [world.users["member"], world.users["stranger"]]
    return [ApiToken.issue(user, "test", tuple(Scope))[1] for user in users if user is not None] + [None]


def test_no_request_breaks_the_api_or_gets_an_undocumented_answer(world: World) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", application)
    tokens, failures, statuses = keys(world), [], set()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), known=st.booleans(), who=st.sampled_from(tokens))
        def probe(case: Any, known: bool, who: str | None) -> None:
            if known:
                # Generated ids would match no record.
                here = {name: str(world.ids[name]) for name in case.path_parameters or {} if name in world.ids}
                case.path_parameters = {**(case.path_parameters or {}), **here}
            headers = {"Authorization": f"Token {who}"} if who else {}
            with transaction.atomic():
                response = case.call(headers=headers)
                transaction.set_rollback(True)
            statuses.add((case.method, case.operation.path, response.status_code))
            # Rows of which only some keys are asked for lack the others.
            partial = bool((case.query or {}).get("fields"))
            checks = [check for check in CHECKS if not (partial and check is response_schema_conformance)]
            case.validate_response(response, checks=checks)
            if who != tokens[0]:
                told = response.text.replace(str(case.path_parameters), "").lower()
                assert MARK not in told or MARK in str(case.as_transport_kwargs()).lower()

        try:
            probe()
        except (FailureGroup, AssertionError, ExceptionGroup) as error:
            failures.append(f"{operation.method.upper()} {operation.path}: {error}")
    assert not failures, "\n\n".join(failures)
    # The test proves nothing unless most operations succeed at least once.
    asked, worked = ({(m, p) for m, p, status in statuses if status < most} for most in (600, 300))
    assert len(worked) > len(asked) / 2, sorted(asked - worked)
