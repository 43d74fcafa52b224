"""Reports to the TNS are previews until a person confirms them twice, and none is sent twice."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.factories import spectrum_file
from tests.fakes.server import HTML, AnswerError, Request
from tests.fakes.tns import FULL, OBSERVED_AT, FakeTns, reportable
from triage.errors import InvalidActionError
from triage.intake.submit import Given, submit_spectrum
from triage.models import Spectrum, TnsReport, TnsState, TnsTables, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.tns import reports
from triage.services.tns.payload import Options

pytestmark = pytest.mark.django_db


@pytest.fixture
def reporter(reviewer: User) -> User:
    reviewer.user_permissions.add(Permission.objects.get(codename="add_tnsreport"))
    return User.objects.get(pk=reviewer.pk)


def work() -> TnsReport:
    """Run a round of the worker, as if the time of the next poll had come."""
    TnsReport.objects.exclude(state=TnsState.SENDING).update(next_poll_at=None)
    reports.poll_replies()
    row = TnsReport.objects.order_by("-id").first()
    assert row is not None
    return row


def test_a_report_is_sent_and_its_reply_stored(server: FakeTns, reporter: User) -> None:
    transient = reportable(reporter)
    row = reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    assert server.requests == []
    assert work().state == TnsState.SENT
    row = work()
    assert row.state == TnsState.SENT
    row = work()
    assert (row.state, row.report_id) == (TnsState.ACCEPTED, "1000")
    assert row.reply["data"]["feedback"]["classification_report"][0]["100"]["objname"] == "2026abc"
    (sent,) = server.reports.values()
    file = sent["classification_report"]["0"]["spectra"]["spectra-group"]["0"]["ascii_file"]
    assert server.files[file].decode() == row.ascii_file
    assert server.markers == {'tns_marker{"tns_id": "4242", "type": "bot", "name": "triage_bot"}'}


def test_the_name_of_the_file_is_the_one_the_tns_gave(server: FakeTns, reporter: User) -> None:
    transient = reportable(reporter)
    row = reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    server.files[row.ascii_name] = b"another"
    work()
    (sent,) = server.reports.values()
    assert sent["classification_report"]["0"]["spectra"]["spectra-group"]["0"]["ascii_file"] == f"1_{row.ascii_name}"


def test_sending_needs_a_permission_credentials_and_the_name_typed_again(
    server: FakeTns, reporter: User, make_user: Callable[..., User], settings: Settings
) -> None:
    transient = reportable(reporter)
    with pytest.raises(InvalidActionError, match="permission"):
        reports.submit(make_user("other"), transient, FULL, "sandbox", "2026abc")
    with pytest.raises(InvalidActionError, match="type 2026abc"):
        reports.submit(reporter, transient, FULL, "sandbox", "")
    with pytest.raises(InvalidActionError, match="sandbox or the live"):
        reports.submit(reporter, transient, FULL, "", "2026abc")
    with pytest.raises(InvalidActionError, match="observed it"):
        reports.submit(reporter, transient, Options(instrument=149), "sandbox", "2026abc")
    settings.TNS_API_KEY = ""
    with pytest.raises(InvalidActionError, match="credentials"):
        reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    assert not TnsReport.objects.exists()


def test_nothing_is_reported_twice(server: FakeTns, reporter: User) -> None:
    transient = reportable(reporter)
    reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    with pytest.raises(InvalidActionError, match="before"):
        reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(4):
        work()
    record_decision(reporter, transient, Proposal("override", class_name="TDE"))
    with pytest.raises(InvalidActionError, match="before"):
        reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    record_decision(reporter, transient, Proposal("override", class_name="AGN"))
    reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(4):
        work()
    assert [r["classification_report"]["0"]["objtypeid"] for r in server.reports.values()] == [120, 29]


def test_a_rejected_report_says_why_and_may_be_sent_again(server: FakeTns, reporter: User) -> None:
    transient = reportable(reporter)
    server.verdict = 400
    reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(3):
        row = work()
    assert (row.state, "objtypeid" in row.detail) == (TnsState.REJECTED, True)
    server.verdict = 101
    reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(4):
        row = work()
    assert (row.state, row.detail) == (TnsState.ACCEPTED, "the TNS had this classification already")


def test_a_type_that_the_tns_numbers_differently_is_not_sent(server: FakeTns, reporter: User) -> None:
    reports.submit(reporter, reportable(reporter, class_name="SN IIn"), FULL, "sandbox", "2026abc")
    row = work()
    assert (row.state, server.reports) == (TnsState.REJECTED, {})
    assert "no object type 13" in row.detail


@pytest.mark.parametrize("name", ["objtypes", "object_types"])
def test_the_object_types_are_found_by_their_old_and_their_new_name(server: FakeTns, reporter: User, name: str) -> None:
    server.tables = {name: [{"id": 120, "name": "TDE"}]}
    reports.submit(reporter, reportable(reporter), FULL, "sandbox", "2026abc")
    assert work().state == TnsState.SENT
    assert TnsTables.objects.get().object_types == {"120": "TDE"}


def test_a_tns_without_a_table_of_object_types_gets_no_report(server: FakeTns, reporter: User) -> None:
    server.tables = {"types": {"120": "TDE"}}
    reports.submit(reporter, reportable(reporter), FULL, "sandbox", "2026abc")
    row = work()
    assert (row.state, server.reports) == (TnsState.REJECTED, {})
    assert "no table of object types" in row.detail


def test_all_spectra_of_a_report_are_uploaded(server: FakeTns, reporter: User) -> None:
    transient = reportable(reporter)
    given = Given(transient="SN 2026abc", observed_at=OBSERVED_AT, instrument="EFOSC2")
    submit_spectrum(reporter, spectrum_file(seed=2), "2.txt", given)
    both = tuple(Spectrum.objects.values_list("pk", flat=True))
    reports.submit(reporter, transient, dataclasses.replace(FULL, spectra=both), "sandbox", "2026abc")
    row = work()
    (sent,) = server.reports.values()
    group = sent["classification_report"]["0"]["spectra"]["spectra-group"]
    uploaded = [server.files[group[number]["ascii_file"]].decode() for number in ("0", "1")]
    assert uploaded == [content for _, content in row.files]


def test_a_report_that_the_tns_lost_is_noticed_and_can_be_settled(
    server: FakeTns, reporter: User, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    server.pending = 99
    row = reports.submit(reporter, reportable(reporter), FULL, "sandbox", "2026abc")
    work()
    with pytest.raises(InvalidActionError, match="on its way"):
        reports.settle(reporter, row.pk, arrived=False)
    TnsReport.objects.update(sent_at=timezone.now() - timedelta(days=1, hours=1))
    row = work()
    assert (row.state, "may have lost it" in row.detail) == (TnsState.SENT, True)
    assert "may have lost it" in caplog.text
    client.force_login(reporter)
    assert b"It did not arrive" in client.get(reverse("tns-reports")).content
    assert reports.settle(reporter, row.pk, arrived=False).state == TnsState.REJECTED
    assert len(server.reports) == 1


def test_instruments_are_chosen_by_name_once_the_tns_sent_its_table(
    server: FakeTns, reporter: User, client: Client, settings: Settings
) -> None:
    reportable(reporter)
    client.force_login(reporter)
    address, given = reverse("tns", args=["SN 2026abc"]), {"observer": "A", "instrument": "p60 - sedm"}
    assert b"knows no instrument" in client.get(address, given).content
    settings.TNS_LIVE_URL = server.url
    reports.poll_replies()
    page = client.get(address, given)
    assert b"Nothing is missing" in page.content
    assert b'<option value="P60 - SEDM">' in page.content
    shown = client.get("/api/v1/transients/SN 2026abc/tns/", given).json()
    told = shown["payload"]["classification_report"]["0"]["spectra"]["spectra-group"]["0"]
    assert told["instrumentid"] == 149
    requests = len(server.requests)
    reports.poll_replies()
    assert len(server.requests) == requests


def test_a_report_that_may_have_arrived_waits_for_a_person(
    server: FakeTns, reporter: User, make_user: Callable[..., User]
) -> None:
    transient = reportable(reporter)
    healthy = server.answer

    def lossy(request: Request) -> object:
        answer = healthy(request)
        if request.path[-1] == "bulk-report":
            raise AnswerError(502, HTML)
        return answer

    server.answer = lossy  # type: ignore[method-assign]
    row = reports.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(3):
        row = work()
    assert (row.state, len(server.reports)) == (TnsState.SENDING, 1)
    assert "may have arrived" in row.detail
    with pytest.raises(InvalidActionError, match="on its way"):
        reports.settle(reporter, row.pk, arrived=False)
    TnsReport.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(InvalidActionError, match="may not"):
        reports.settle(make_user("other"), row.pk, arrived=True)
    assert reports.settle(reporter, row.pk, arrived=True).state == TnsState.ACCEPTED


def test_a_report_that_did_not_reach_the_tns_is_repeated_and_finally_given_up(server: FakeTns, reporter: User) -> None:
    reports.submit(reporter, reportable(reporter), FULL, "live", "2026abc")
    row = work()
    assert (row.state, "no connection" in row.detail) == (TnsState.PREPARED, True)
    for _ in range(reports.MAX_ATTEMPTS):
        row = work()
    assert (row.state, "given up" in row.detail) == (TnsState.REJECTED, True)


def test_the_page_previews_downloads_and_sends(server: FakeTns, reporter: User, client: Client) -> None:
    reportable(reporter)
    client.force_login(reporter)
    address = reverse("tns", args=["SN 2026abc"])
    assert b"Say who observed it" in client.get(address).content
    given = {"observer": "A. Observer", "instrument": "149"}
    assert b"Nothing is missing" in client.get(address, given).content
    downloaded = client.get(reverse("tns-json", args=["SN 2026abc"]), given)
    assert json.loads(downloaded.content)["classification_report"]["0"]["name"] == "2026abc"
    name, _ = client.get(address, given).context["report"].files[0]
    ascii_address = reverse("tns-ascii", args=["SN 2026abc"])
    assert b"wavelength(Angstrom)" in client.get(ascii_address, {**given, "file": name}).content
    assert client.get(ascii_address, {**given, "file": "other.txt"}).status_code == 404
    assert server.requests == []
    sending = {**given, "target": "sandbox", "confirmation": "wrong"}
    assert b"to confirm" in client.post(address + "send/", sending, follow=True).content
    answer = client.post(address + "send/", {**sending, "confirmation": "2026abc"}, follow=True)
    assert b"to be sent" in answer.content
    for _ in range(3):
        work()
    assert b"accepted" in client.get(reverse("tns-reports")).content


def test_the_page_says_what_is_needed_and_marks_only_what_is_missing(reporter: User, client: Client) -> None:
    reportable(reporter)
    client.force_login(reporter)
    address = reverse("tns", args=["SN 2026abc"])
    page = client.get(address).content.decode()
    assert "It cannot be sent yet:" in page
    assert page.count('title="needed"') == 2
    assert 'placeholder="2026abc"' in page
    page = client.get(address, {"observer": "A. Observer", "instrument": "149"}).content.decode()
    assert "It cannot be sent yet:" not in page
    assert page.count('title="needed"') == 0


def test_a_missing_value_is_named_at_its_field_after_the_form_was_filled_in(reporter: User, client: Client) -> None:
    reportable(reporter)
    client.force_login(reporter)
    address = reverse("tns", args=["SN 2026abc"])
    assert not client.get(address).context["form"].errors
    assert client.get(address, {"reducer": "R"}).context["form"].errors == {
        "observer": ["Say who observed it."],
        "instrument": ["Give the instrument's name or number at the TNS."],
    }


def test_no_report_of_a_simulated_transient_is_offered(reporter: User, client: Client) -> None:
    reportable(reporter)
    client.force_login(reporter)
    pages = [reverse("vetted"), reverse("review", args=["SN 2026abc"])]
    offered = reverse("tns", args=["SN 2026abc"])
    assert [offered in client.get(page).content.decode() for page in pages] == [True, True]
    Transient.objects.update(simulated=True)
    assert [offered in client.get(page).content.decode() for page in pages] == [False, False]


def test_the_page_of_an_invisible_transient_is_not_found(make_user: Callable[..., User], client: Client) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    reportable(alice, group=Group.objects.get(name="a"))
    client.force_login(bob)
    for name in ("tns", "tns-json", "tns-ascii"):
        assert client.get(reverse(name, args=["SN 2026abc"])).status_code == 404
    assert client.post(reverse("send-tns", args=["SN 2026abc"])).status_code == 404
