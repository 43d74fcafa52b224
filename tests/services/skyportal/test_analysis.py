"""A click in SkyPortal sends spectra and gets the prediction: in time, once, and only at its own address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api_client import client_of
from tests.fakes.server import HTML, AnswerError
from tests.fakes.skyportal import FakeSkyPortal
from tests.fakes.skyportal_rounds import connect
from triage.models import AnalysisJob, AnalysisState, ApiToken, Scope, Spectrum
from triage.services.skyportal import answering

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/skyportal/analysis/"


def click(fritz: FakeSkyPortal, api: APIClient, name: str = "ZTF26aaa", **changes: Any) -> Any:
    """Send the request that SkyPortal sends after a user's click."""
    return api.post(ADDRESS, {**fritz.analysis_push(name), **changes})


def work() -> int:
    """Run a round of the worker, as if the time of the next attempt had come."""
    AnalysisJob.objects.update(next_attempt_at=None)
    return answering.run(60)


@pytest.fixture
def api(reviewer: User) -> APIClient:
    return client_of(reviewer)


def test_a_click_brings_the_prediction_to_the_source_page(fritz: FakeSkyPortal, api: APIClient) -> None:
    fritz.add_source("ZTF26aaa", redshift=0.03)
    for seed in (1, 2):
        fritz.add_spectrum("ZTF26aaa", seed=seed)
    connect(fritz)
    answer = click(fritz, api)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert fritz.analyses == {}
    assert work() == 1
    (sent,) = fritz.analyses.values()
    assert sent["status"] == "success"
    assert "from 2 spectra" in sent["message"]
    data = sent["analysis"]["results"]["data"]
    assert sent["analysis"]["results"]["format"] == "json"
    assert sum(data["probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert (data["class"], data["redshift_used"], len(data["spectra"])) == ("SN Ia", 0.03, 2)
    (annotation,) = sent["analysis"]["annotations"]
    assert annotation["origin"] == "spectrum-triage"
    assert annotation["data"]["novelty"] == data["novelty"]
    assert work() == 0
    # The desk stores no record of the spectra.
    assert not Spectrum.objects.exists()
    assert AnalysisJob.objects.get().spectra == ""


def test_a_blind_analysis_ignores_the_redshift(fritz: FakeSkyPortal, api: APIClient) -> None:
    fritz.add_source("ZTF26aaa", redshift=0.03)
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    click(fritz, api, analysis_parameters={"blind": True})
    work()
    (sent,) = fritz.analyses.values()
    assert sent["analysis"]["results"]["data"]["redshift_used"] is None


def test_answers_for_the_same_source_are_sent_one_after_the_other(fritz: FakeSkyPortal, api: APIClient) -> None:
    for name in ("ZTF26aaa", "ZTF26bbb"):
        fritz.add_spectrum(name)
    connect(fritz)
    for name in ("ZTF26aaa", "ZTF26aaa", "ZTF26bbb"):
        click(fritz, api, name)
    first = answering._claim()
    assert first is not None
    # Another worker leaves the second click alone while the first one is being answered.
    assert answering.run(60) == 1
    assert AnalysisJob.objects.get(state=AnalysisState.SENT).remote_name == "ZTF26bbb"
    assert work() == 2
    assert len(fritz.analyses) == 3


def test_nulls_and_odd_spectra_are_reported_without_stopping_the_analysis(fritz: FakeSkyPortal, api: APIClient) -> None:
    good = fritz.add_spectrum("ZTF26aaa")
    fritz.spectra[good]["fluxes"][5] = None
    fritz.add_spectrum("ZTF26aaa", fluxes=[1.0, 2.0])
    fritz.add_spectrum("ZTF26aaa", type="host")
    connect(fritz)
    click(fritz, api)
    work()
    (sent,) = fritz.analyses.values()
    assert sent["status"] == "success"
    assert "from 1 spectrum; left out" in sent["message"]


@pytest.mark.parametrize(
    "table", ["", "wavelengths,fluxes\n", "a,b\n1,2\n", 'wavelengths,fluxes\n"[1, 2]","[3, 4]"\n', "a\rb\r"]
)
def test_an_unreadable_spectrum_returns_a_failure_with_a_reason(
    fritz: FakeSkyPortal, api: APIClient, table: str
) -> None:
    fritz.add_source("ZTF26aaa")
    connect(fritz)
    assert click(fritz, api, inputs={"spectra": table}).status_code == 200
    work()
    (sent,) = fritz.analyses.values()
    assert (sent["status"], sent["analysis"]) == ("failure", {})
    assert sent["message"].startswith("no spectrum could be")


def test_an_unknown_token_or_one_that_may_only_read_is_refused(fritz: FakeSkyPortal, reviewer: User) -> None:
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    assert click(fritz, APIClient()).status_code == 401
    reader = APIClient()
    reader.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(reviewer, 'x', [Scope.DECIDE])[1]}")
    assert click(fritz, reader).status_code == 403
    assert not AnalysisJob.objects.exists()


@pytest.mark.parametrize(
    "callback",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/api/webhook/obj_analysis/x",
        "https://example.org/api/webhook/obj_analysis/x",
        "{url}@example.org/api/webhook/obj_analysis/x",
        "{url}.example.org/",
        "{url}:80/",
        "file:///etc/passwd",
        "http://[::1/",
        "//example.org",
        "",
    ],
)
def test_a_callback_to_another_server_is_refused(fritz: FakeSkyPortal, api: APIClient, callback: str) -> None:
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    refused = click(fritz, api, callback_url=callback.format(url=fritz.url))
    assert refused.status_code == 400
    assert not AnalysisJob.objects.exists()


def test_a_connection_of_another_group_does_not_count(fritz: FakeSkyPortal, make_user: Callable[..., User]) -> None:
    fritz.add_spectrum("ZTF26aaa")
    make_user("alice", "a")
    connect(fritz, group=Group.objects.get(name="a"))
    assert click(fritz, client_of(make_user("bob"))).json()["code"] == "callback_refused"


def test_an_expired_analysis_is_neither_accepted_nor_answered(fritz: FakeSkyPortal, api: APIClient) -> None:
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    past = (datetime.now(UTC) - timedelta(minutes=1)).replace(tzinfo=None).isoformat()
    assert click(fritz, api, invalid_after=past).status_code == 409
    click(fritz, api)
    AnalysisJob.objects.update(invalid_after=timezone.now())
    work()
    assert AnalysisJob.objects.get().state == AnalysisState.TOO_LATE
    assert fritz.analyses == {}


def test_a_repeated_request_belongs_to_the_same_job(fritz: FakeSkyPortal, api: APIClient) -> None:
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    push = fritz.analysis_push("ZTF26aaa")
    assert api.post(ADDRESS, push).json()["id"] == api.post(ADDRESS, push).json()["id"]
    assert push["callback_url"] not in AnalysisJob.objects.get().encrypted_callback


def test_a_callback_that_fails_is_repeated_and_arrives_once(fritz: FakeSkyPortal, api: APIClient) -> None:
    """The server takes the second attempt, but its reply is lost; it refuses the third, and the job counts as sent."""
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    click(fritz, api)
    healthy, answers = fritz.answer, iter(["broken", "lost", "fine"])

    def ailing(request: Any) -> Any:
        fate = next(answers)
        given = None if fate == "broken" else healthy(request)
        if fate != "fine":
            raise AnswerError(502, HTML)
        return given

    fritz.answer = ailing  # type: ignore[method-assign]
    assert [work(), work(), work()] == [0, 0, 1]
    assert AnalysisJob.objects.get().state == AnalysisState.SENT
    assert len(fritz.analyses) == 1


def test_a_long_computation_leaves_a_whole_lease_for_sending(
    fritz: FakeSkyPortal, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    click(fritz, api)
    left = []

    def long(*asked: Any) -> dict[str, Any]:
        AnalysisJob.objects.update(next_attempt_at=timezone.now())
        return {}

    def send(job: AnalysisJob) -> tuple[str, str]:
        left.append(AnalysisJob.objects.get().next_attempt_at - timezone.now())  # type: ignore[operator]
        return AnalysisState.SENT, ""

    monkeypatch.setattr(answering, "analyse", long)
    monkeypatch.setattr(answering, "_send", send)
    assert work() == 1
    assert left[0] > answering.LEASE / 2


def test_a_refused_callback_is_given_up_and_logged(
    fritz: FakeSkyPortal, api: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    click(fritz, api)
    fritz.analysis_tokens.clear()
    assert work() == 0
    assert AnalysisJob.objects.get().state == AnalysisState.GIVEN_UP
    assert "refused the answer" in caplog.text


def test_spectra_that_kill_their_worker_are_answered_with_a_failure(fritz: FakeSkyPortal, api: APIClient) -> None:
    fritz.add_spectrum("ZTF26aaa")
    connect(fritz)
    click(fritz, api)
    AnalysisJob.objects.update(attempts=answering.MAX_ATTEMPTS)
    work()
    (sent,) = fritz.analyses.values()
    assert "the worker died in each attempt" in sent["message"]


def test_an_unreadable_redshift_counts_as_unknown(fritz: FakeSkyPortal, api: APIClient) -> None:
    fritz.add_source("ZTF26aaa")
    connect(fritz)
    inputs = {**fritz.analysis_push("ZTF26aaa")["inputs"], "redshift": "redshift\r0.03\r"}
    assert click(fritz, api, inputs=inputs).status_code == 200
    assert AnalysisJob.objects.get().redshift is None


def test_a_push_of_many_long_spectra_is_taken(fritz: FakeSkyPortal, api: APIClient) -> None:
    for _ in range(12):
        number = fritz.add_spectrum("ZTF26aaa")
        fritz.spectra[number]["wavelengths"] = [4000 + i / 10 for i in range(12_000)]
        fritz.spectra[number]["fluxes"] = [1.2345678e-16] * 12_000
    connect(fritz)
    assert len(fritz.analysis_push("ZTF26aaa")["inputs"]["spectra"]) > 2 << 20
    assert click(fritz, api).status_code == 200
