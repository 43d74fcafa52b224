"""Reports to the TNS: a dry run unless a person says twice that it is meant; never two."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.conftest import spectrum_file
from tests.fakes.server import HTML, AnswerError, Request
from tests.fakes.tns import KEY, FakeTns
from triage import tns
from triage.errors import InvalidActionError, NotFoundError
from triage.intake import Given, submit_spectrum
from triage.models import TnsReport, TnsState, Transient
from triage.review import Proposal, record_decision
from triage.tns_report import Options, build_report, check, find_name

pytestmark = pytest.mark.django_db

WHEN = datetime(2026, 8, 1, 4, 5, 6, tzinfo=UTC)
FULL = Options(observer="A. Observer", instrument=149)


@pytest.fixture
def server(settings: Settings) -> Iterator[FakeTns]:
    with FakeTns() as fake:
        settings.TNS_SANDBOX_URL, settings.TNS_LIVE_URL = fake.url, "http://127.0.0.1:9"
        settings.TNS_API_KEY, settings.TNS_BOT_ID, settings.TNS_BOT_NAME = KEY, "4242", "triage_bot"
        yield fake


@pytest.fixture
def reporter(reviewer: User) -> User:
    reviewer.user_permissions.add(Permission.objects.get(codename="add_tnsreport"))
    return User.objects.get(pk=reviewer.pk)


def vetted(
    user: User, name: str = "SN 2026abc", class_name: str = "TDE", group: Group | None = None, seed: int = 1
) -> Transient:
    given = Given(transient=name, redshift=0.05, observed_at=WHEN, instrument="EFOSC2", group=group)
    spectrum = submit_spectrum(user, spectrum_file(seed=seed), f"{seed}.txt", given).spectrum
    transient = Transient.objects.get(name=name)
    record_decision(user, transient, Proposal("override", class_name=class_name, spectrum=spectrum.pk))
    return transient


def work() -> TnsReport:
    """A round of the worker, as if the time for the next poll had come."""
    TnsReport.objects.exclude(state=TnsState.SENDING).update(next_poll_at=None)
    tns.poll_replies()
    row = TnsReport.objects.order_by("-id").first()
    assert row is not None
    return row


def test_the_report_has_exactly_the_fields_of_the_tns(reviewer: User) -> None:
    report = build_report(reviewer, vetted(reviewer), FULL)
    assert report.problems == report.warnings == []
    assert report.payload == {
        "classification_report": {
            "0": {
                "name": "2026abc",
                "classifier": "reviewer",
                "objtypeid": 120,
                "redshift": 0.05,
                "groupid": "",
                "remarks": "",
                "spectra": {
                    "spectra-group": {
                        "0": {
                            "obsdate": "2026-08-01 04:05:06",
                            "instrumentid": 149,
                            "exptime": "",
                            "observer": "A. Observer",
                            "reducer": "",
                            "spectypeid": 1,
                            "ascii_file": report.ascii_name,
                            "fits_file": "",
                            "remarks": "",
                            "spec_proprietary_period": "",
                        }
                    }
                },
            }
        }
    }
    rows = [line.split() for line in report.ascii_file.splitlines() if not line.startswith("#")]
    assert len(rows) > 500
    assert 3000 < float(rows[0][0]) < 4500


def test_nothing_unknown_is_made_up(reviewer: User) -> None:
    submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="ZTF26aaa"))
    transient = Transient.objects.get()
    record_decision(reviewer, transient, Proposal("override", class_name="SN Icn"))
    report = build_report(reviewer, transient, Options())
    said = report.payload["classification_report"]["0"]
    assert (said["redshift"], said["objtypeid"], said["spectra"]["spectra-group"]["0"]["obsdate"]) == ("", "", "")
    wrong = " ".join(report.problems)
    for missing in ("TNS name", "no object type for “SN Icn”", "time of observation", "instrument", "observed it"):
        assert missing in wrong


def test_a_redshift_of_zero_is_a_value_and_one_of_the_network_is_not_reported(reviewer: User) -> None:
    transient = vetted(reviewer, class_name="Cataclysmic")
    Transient.objects.update(redshift=0.0)
    transient.refresh_from_db()
    assert build_report(reviewer, transient, FULL).payload["classification_report"]["0"]["redshift"] == 0.0


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["SN2026abc"], "2026abc"),
        (["AT 2026abc"], "2026abc"),
        (["2026abc"], "2026abc"),
        (["ZTF26aaa", "AT2026abc"], "2026abc"),
        (["ZTF26aaa"], ""),
    ],
)
def test_the_name_goes_without_its_prefix(names: list[str], found: str) -> None:
    assert find_name("", names) == found


def test_a_report_with_other_fields_is_refused() -> None:
    assert check({"classification_report": {"0": {"name": "2026abc"}}}) != []
    assert check({}) != []


def test_without_a_vetted_classification_there_is_no_report(reviewer: User) -> None:
    transient = vetted(reviewer)
    record_decision(reviewer, transient, Proposal("unsure"))
    with pytest.raises(NotFoundError):
        build_report(reviewer, transient, FULL)


def test_a_report_is_sent_and_its_reply_stored(server: FakeTns, reporter: User) -> None:
    transient = vetted(reporter)
    row = tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
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
    transient = vetted(reporter)
    row = tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    server.files[row.ascii_name] = b"another"
    work()
    (sent,) = server.reports.values()
    assert sent["classification_report"]["0"]["spectra"]["spectra-group"]["0"]["ascii_file"] == f"1_{row.ascii_name}"


def test_it_takes_a_permission_credentials_and_the_name_typed_again(
    server: FakeTns, reporter: User, make_user: Callable[..., User], settings: Settings
) -> None:
    transient = vetted(reporter)
    with pytest.raises(InvalidActionError, match="permission"):
        tns.submit(make_user("other"), transient, FULL, "sandbox", "2026abc")
    with pytest.raises(InvalidActionError, match="type 2026abc"):
        tns.submit(reporter, transient, FULL, "sandbox", "")
    with pytest.raises(InvalidActionError, match="sandbox or the live"):
        tns.submit(reporter, transient, FULL, "", "2026abc")
    with pytest.raises(InvalidActionError, match="observed it"):
        tns.submit(reporter, transient, Options(instrument=149), "sandbox", "2026abc")
    settings.TNS_API_KEY = ""
    with pytest.raises(InvalidActionError, match="credentials"):
        tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    assert not TnsReport.objects.exists()


def test_nothing_is_reported_twice(server: FakeTns, reporter: User) -> None:
    transient = vetted(reporter)
    tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    with pytest.raises(InvalidActionError, match="before"):
        tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(4):
        work()
    record_decision(reporter, transient, Proposal("override", class_name="TDE"))
    with pytest.raises(InvalidActionError, match="before"):
        tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    record_decision(reporter, transient, Proposal("override", class_name="AGN"))
    tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(4):
        work()
    assert [r["classification_report"]["0"]["objtypeid"] for r in server.reports.values()] == [120, 29]


def test_a_rejected_report_says_why_and_may_be_sent_again(server: FakeTns, reporter: User) -> None:
    transient = vetted(reporter)
    server.verdict = 400
    tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(3):
        row = work()
    assert (row.state, "objtypeid" in row.detail) == (TnsState.REJECTED, True)
    server.verdict = 101
    tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(4):
        row = work()
    assert (row.state, row.detail) == (TnsState.ACCEPTED, "it was there already")


def test_a_type_that_the_tns_numbers_otherwise_is_not_sent(server: FakeTns, reporter: User) -> None:
    tns.submit(reporter, vetted(reporter, class_name="SN IIn"), FULL, "sandbox", "2026abc")
    row = work()
    assert (row.state, server.reports) == (TnsState.REJECTED, {})
    assert "no object type 13" in row.detail


def test_what_may_have_arrived_is_not_sent_again_by_itself(
    server: FakeTns, reporter: User, make_user: Callable[..., User]
) -> None:
    transient = vetted(reporter)
    healthy = server.answer

    def lossy(request: Request) -> object:
        answer = healthy(request)
        if request.path[-1] == "bulk-report":
            raise AnswerError(502, HTML)
        return answer

    server.answer = lossy  # type: ignore[method-assign]
    row = tns.submit(reporter, transient, FULL, "sandbox", "2026abc")
    for _ in range(3):
        row = work()
    assert (row.state, len(server.reports)) == (TnsState.SENDING, 1)
    assert "may have arrived" in row.detail
    with pytest.raises(InvalidActionError, match="on its way"):
        tns.settle(reporter, row.pk, arrived=False)
    TnsReport.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(InvalidActionError, match="may not"):
        tns.settle(make_user("other"), row.pk, arrived=True)
    assert tns.settle(reporter, row.pk, arrived=True).state == TnsState.ACCEPTED


def test_where_nothing_was_sent_it_is_tried_again_and_given_up_in_the_end(server: FakeTns, reporter: User) -> None:
    tns.submit(reporter, vetted(reporter), FULL, "live", "2026abc")
    row = work()
    assert (row.state, "no connection" in row.detail) == (TnsState.PREPARED, True)
    for _ in range(tns.MAX_ATTEMPTS):
        row = work()
    assert (row.state, "given up" in row.detail) == (TnsState.REJECTED, True)


def test_a_private_classification_is_reported_by_its_group_alone_and_not_without_a_warning(
    make_user: Callable[..., User],
) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    transient = vetted(alice, group=Group.objects.get(name="a"))
    assert "makes it public" in build_report(alice, transient, FULL).warnings[0]
    with pytest.raises(NotFoundError):
        build_report(bob, transient, FULL)


def test_the_page_previews_downloads_and_sends(server: FakeTns, reporter: User, client: Client) -> None:
    vetted(reporter)
    client.force_login(reporter)
    address = reverse("tns", args=["SN 2026abc"])
    assert b"Say who observed it" in client.get(address).content
    given = {"observer": "A. Observer", "instrument": "149"}
    assert b"Nothing is missing" in client.get(address, given).content
    downloaded = client.get(reverse("tns-json", args=["SN 2026abc"]), given)
    assert json.loads(downloaded.content)["classification_report"]["0"]["name"] == "2026abc"
    assert b"wavelength(Angstrom)" in client.get(reverse("tns-ascii", args=["SN 2026abc"]), given).content
    assert server.requests == []
    sending = {**given, "target": "sandbox", "confirmation": "wrong"}
    assert b"to confirm" in client.post(address + "send/", sending, follow=True).content
    answer = client.post(address + "send/", {**sending, "confirmation": "2026abc"}, follow=True)
    assert b"to be sent" in answer.content
    for _ in range(3):
        work()
    assert b"accepted" in client.get(reverse("tns-reports")).content


def test_what_is_missing_is_said_at_its_field_once_something_was_filled_in(reporter: User, client: Client) -> None:
    vetted(reporter)
    client.force_login(reporter)
    address = reverse("tns", args=["SN 2026abc"])
    assert not client.get(address).context["form"].errors
    assert client.get(address, {"reducer": "R"}).context["form"].errors == {
        "observer": ["Say who observed it."],
        "instrument": ["Give the TNS's number of the instrument."],
    }


def test_no_report_of_something_simulated_is_offered(reporter: User, client: Client) -> None:
    vetted(reporter)
    client.force_login(reporter)
    pages = [reverse("vetted"), reverse("review", args=["SN 2026abc"])]
    offered = reverse("tns", args=["SN 2026abc"])
    assert [offered in client.get(page).content.decode() for page in pages] == [True, True]
    Transient.objects.update(simulated=True)
    assert [offered in client.get(page).content.decode() for page in pages] == [False, False]


def test_the_page_of_what_one_may_not_see_is_not_there(make_user: Callable[..., User], client: Client) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    vetted(alice, group=Group.objects.get(name="a"))
    client.force_login(bob)
    for name in ("tns", "tns-json", "tns-ascii"):
        assert client.get(reverse(name, args=["SN 2026abc"])).status_code == 404
    assert client.post(reverse("send-tns", args=["SN 2026abc"])).status_code == 404
