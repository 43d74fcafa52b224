"""The desk knows what the TNS says of its public transients, and imports public spectra on request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.api_client import API, client_of
from tests.factories import spectrum_file
from tests.fakes.server import HTML, AnswerError, Request
from tests.fakes.tns import FULL, FakeTns, known_object, reportable
from triage.intake.submit import Given, submit_spectrum
from triage.models import Spectrum, TnsRecord, Transient
from triage.services.tns import lookup
from triage.services.tns.lookup import look_up_due
from triage.services.tns.payload import build_report
from triage.services.tns.tables import current_tables, store_tables

pytestmark = pytest.mark.django_db


@pytest.fixture
def tns(server: FakeTns, settings: Settings) -> FakeTns:
    settings.TNS_LIVE_URL, settings.TNS_LOOKUP = server.url, True
    return server


def sent(user: User, name: str = "SN 2026abc", seed: int = 1, **given: object) -> Transient:
    submit_spectrum(user, spectrum_file(seed=seed), f"{seed}.txt", Given(transient=name, **given))  # type: ignore[arg-type]
    return Transient.objects.get(name=name)


@pytest.mark.parametrize(
    ("name", "place"), [("SN 2026abc", {}), ("mine1", {"ra": 187.5, "dec": -1.0}), ("ZTF26aaaaaaa", {})]
)
def test_a_transient_is_found_by_name_by_place_and_by_the_survey_s_name(
    tns: FakeTns, reviewer: User, name: str, place: dict[str, float]
) -> None:
    tns.objects.append(known_object())
    transient = sent(reviewer, name, **place)
    look_up_due()
    record = TnsRecord.objects.get(transient=transient)
    assert (str(record), record.class_name, record.redshift) == ("SN 2026abc", "SN Ia", 0.031)
    assert tns.markers == {'tns_marker{"tns_id": "4242", "type": "bot", "name": "triage_bot"}'}


def test_the_tns_is_asked_once_a_day_about_what_it_does_not_know(tns: FakeTns, reviewer: User) -> None:
    transient = sent(reviewer)
    look_up_due()
    record = TnsRecord.objects.get(transient=transient)
    assert (record.name, record.class_name, record.redshift, record.summary) == ("", "", None, "")
    asked = len(tns.requests)
    look_up_due()
    assert len(tns.requests) == asked
    TnsRecord.objects.update(next_ask_at=timezone.now() - timedelta(seconds=1))
    tns.objects.append(known_object())
    look_up_due()
    assert TnsRecord.objects.get().class_name == "SN Ia"


def test_private_and_simulated_transients_are_never_named_to_the_tns(
    tns: FakeTns, make_user: Callable[..., User]
) -> None:
    sent(make_user("a", "a"), group=Group.objects.get(name="a"))
    sent(make_user("b"), "SN 2026abd", seed=2, simulated=True)
    look_up_due()
    assert tns.requests == []


def test_nobody_is_asked_unless_the_setting_says_so(tns: FakeTns, reviewer: User, settings: Settings) -> None:
    sent(reviewer)
    settings.TNS_LOOKUP = False
    look_up_due()
    assert tns.requests == []


def test_a_tns_that_fails_is_left_alone_for_a_while(tns: FakeTns, reviewer: User) -> None:
    sent(reviewer)

    def broken(request: Request) -> object:
        raise AnswerError(502, HTML)

    tns.answer = broken  # type: ignore[method-assign]
    look_up_due()
    look_up_due()
    assert (len(tns.requests), TnsRecord.objects.count()) == (1, 0)


def test_a_question_that_the_tns_refuses_stops_no_other(tns: FakeTns, reviewer: User) -> None:
    tns.objects.append(known_object())
    sent(reviewer)
    sent(reviewer, "SN 2026bad", seed=2)
    healthy = tns.answer

    def refusing(request: Request) -> object:
        if b"2026bad" in request.body:
            raise AnswerError(400, {"id_code": 400, "id_message": "Bad request", "data": {}})
        return healthy(request)

    tns.answer = refusing  # type: ignore[method-assign]
    look_up_due()
    assert TnsRecord.objects.get(transient__name="SN 2026abc").class_name == "SN Ia"
    assert "Bad request" in TnsRecord.objects.get(transient__name="SN 2026bad").problem


def test_an_answer_in_another_form_stops_no_other_question(tns: FakeTns, reviewer: User) -> None:
    tns.objects.append(known_object(object_type="SN Ia", spectra=["a.txt"]))
    sent(reviewer)
    look_up_due()
    record = TnsRecord.objects.get()
    assert (record.name, record.class_name, record.spectra) == ("2026abc", "", [])


def test_pages_and_api_say_what_is_on_the_tns_and_filter_by_it(tns: FakeTns, reviewer: User, client: Client) -> None:
    tns.objects.append(known_object(f"{tns.url}/system/files/a.txt"))
    vetted = reportable(reviewer)
    sent(reviewer, "SN 2026abd", seed=2)
    look_up_due()
    client.force_login(reviewer)
    said = "classified on the TNS as SN Ia by ePESSTO+ on 2026-08-02"
    assert said in client.get("/transients/SN 2026abc/").content.decode()
    vetted.refresh_from_db()
    assert any("already" in warning for warning in build_report(reviewer, vetted, FULL).warnings)
    for state, shown in (("classified", ["SN 2026abc"]), ("unclassified", []), ("unknown", ["SN 2026abd"])):
        page = client.get("/", {"state": "all", "tns": state})
        assert [row.transient.name for row in page.context["rows"]] == shown
    assert said in client.get("/", {"state": "all"}).content.decode()
    rows = {row["name"]: row["tns"] for row in client_of(reviewer).get(f"{API}/transients/").json()["results"]}
    assert (rows["SN 2026abc"]["class_name"], rows["SN 2026abd"]["class_name"]) == ("SN Ia", "")


def test_public_spectra_are_imported_on_request(tns: FakeTns, reviewer: User, client: Client) -> None:
    tns.files["a.txt"] = spectrum_file(seed=5)
    tns.objects.append(known_object(f"{tns.url}/system/files/a.txt"))
    sent(reviewer)
    look_up_due()
    client.force_login(reviewer)
    assert b"Import this spectrum" in client.get("/transients/SN 2026abc/facts/").content
    client.post("/transients/SN 2026abc/tns/import/")
    look_up_due()
    spectrum = Spectrum.objects.latest("pk")
    assert (spectrum.filename, spectrum.transient.name, spectrum.uploaded_by) == ("a.txt", "SN 2026abc", reviewer)
    assert (spectrum.observed_at.isoformat(), spectrum.instrument) == (
        "2026-08-02T03:04:05+00:00",
        "ESO-NTT - EFOSC2-NTT",
    )
    look_up_due()
    assert Spectrum.objects.count() == 2


def test_a_spectrum_elsewhere_is_not_fetched_and_said_so(tns: FakeTns, reviewer: User, client: Client) -> None:
    tns.objects.append(known_object("http://127.0.0.2/a.txt"))
    transient = sent(reviewer)
    look_up_due()
    lookup.want_spectra(reviewer, transient)
    look_up_due()
    record = TnsRecord.objects.get()
    assert (record.import_for, "no file of the TNS" in record.problem) == (None, True)
    client.force_login(reviewer)
    assert b"no file of the TNS" in client.get("/transients/SN 2026abc/facts/").content


@pytest.mark.parametrize(("status", "paused"), [(403, True), (400, False)])
def test_a_refusal_erases_nothing_that_the_tns_said_before(
    tns: FakeTns, reviewer: User, status: int, paused: bool
) -> None:
    tns.objects.append(known_object(f"{tns.url}/system/files/a.txt"))
    transient = sent(reviewer)
    look_up_due()
    lookup.want_spectra(reviewer, transient)
    TnsRecord.objects.update(next_ask_at=timezone.now() - timedelta(seconds=1))

    def refusing(request: Request) -> object:
        raise AnswerError(status, {"id_code": status, "id_message": "No", "data": {}})

    tns.answer = refusing  # type: ignore[method-assign]
    look_up_due()
    record = TnsRecord.objects.get()
    assert (record.class_name, len(record.spectra)) == ("SN Ia", 1)
    assert (record.import_for == reviewer) is paused
    assert (cache.get("tns-pause") is True) is paused


def test_a_report_of_a_spectrum_with_an_impossible_number_is_refused(tns: FakeTns, reviewer: User) -> None:
    reportable(reviewer)
    answer = client_of(reviewer).get(f"{API}/transients/SN 2026abc/tns/", {"spectra": "9" * 25})
    assert answer.status_code == 400


def test_the_live_server_s_tables_count_before_those_of_the_sandbox() -> None:
    store_tables("live", {"object_types": {3: "SN Ia"}, "instruments": {149: "P60 - SEDM"}})
    store_tables("sandbox", {"object_types": {3: "SN Ia"}})
    assert current_tables().instruments == {149: "P60 - SEDM"}
