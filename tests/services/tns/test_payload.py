"""The report to the TNS has the fields that the TNS expects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from pytest_django.fixtures import Settings

from tests.factories import classify_all, spectrum_file
from tests.fakes.tns import FULL, OBSERVED_AT, reportable
from tests.spectrum_files import lnw
from triage.errors import NotFoundError
from triage.intake.facts import correct_transient
from triage.intake.reread import read_again
from triage.intake.submit import Given, submit_spectrum
from triage.models import NamedMatches, Spectrum, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.tns.payload import Options, build_report, check, find_name
from triage.services.tns.tables import current_tables, store_tables

pytestmark = pytest.mark.django_db


def test_the_report_has_exactly_the_fields_of_the_tns(reviewer: User) -> None:
    report = build_report(reviewer, reportable(reviewer), FULL)
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
                            "ascii_file": report.files[0][0],
                            "fits_file": "",
                            "remarks": "",
                            "spec_proprietary_period": "",
                        }
                    }
                },
            }
        }
    }
    rows = [line.split() for line in report.files[0][1].splitlines() if not line.startswith("#")]
    assert len(rows) > 500
    assert 3000 < float(rows[0][0]) < 4500


@pytest.mark.parametrize(
    ("class_name", "phase", "said"),
    [
        ("predicted", 5.6, "phase +6 +/- 2 d from maximum light, from named matches"),
        ("predicted", -0.3, "phase +0 +/- 2 d from maximum light, from named matches"),
        ("predicted", None, ""),
        # The matches tell the phase of the predicted class alone.
        ("TDE", 5.6, ""),
    ],
)
def test_the_phase_that_the_reviewer_saw_is_a_remark_on_its_spectrum(
    reviewer: User, class_name: str, phase: float | None, said: str
) -> None:
    given = Given(transient="AT2026abc", redshift=0.05, observed_at=OBSERVED_AT)
    for seed in (1, 2):
        submit_spectrum(reviewer, spectrum_file(seed=seed), f"{seed}.txt", given)
    classify_all()
    first, second = Spectrum.objects.select_related("current_prediction").order_by("pk")
    prediction = first.current_prediction
    assert prediction is not None
    NamedMatches.objects.create(prediction=prediction, phase=phase, phase_error=1.7 if phase else None)
    chosen = prediction.class_name if class_name == "predicted" else class_name
    proposal = Proposal("override", class_name=chosen, prediction=prediction.pk, spectrum=first.pk)
    record_decision(reviewer, Transient.objects.get(), proposal)
    options = dataclasses.replace(FULL, spectra=(first.pk, second.pk))
    report = build_report(reviewer, Transient.objects.get(), options).payload["classification_report"]["0"]
    assert [report["spectra"]["spectra-group"][place]["remarks"] for place in ("0", "1")] == [said, ""]
    assert report["remarks"] == ""


def test_a_report_and_its_file_say_that_the_hosts_light_was_taken_off(reviewer: User) -> None:
    transient = reportable(reviewer)
    read_again(reviewer, transient.spectra.get(), {"host_light": 0.42})
    report = build_report(reviewer, transient, FULL)
    assert report.warnings == ["The host's light was taken off a spectrum. Its file says so."]
    assert "# host light taken off: 42% of 4000-7000 Angstrom at rest" in report.files[0][1].splitlines()


def test_unknown_values_are_empty_and_named_as_problems(reviewer: User) -> None:
    submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="ZTF26aaa"))
    transient = Transient.objects.get()
    record_decision(reviewer, transient, Proposal("override", class_name="Star"))
    report = build_report(reviewer, transient, Options())
    said = report.payload["classification_report"]["0"]
    assert (said["redshift"], said["objtypeid"], said["spectra"]["spectra-group"]["0"]["obsdate"]) == ("", "", "")
    wrong = " ".join(report.problems)
    for missing in ("TNS name", "no object type for this class", "time of observation", "instrument", "observed it"):
        assert missing in wrong


def test_a_corrected_redshift_replaces_that_of_the_upload(reviewer: User) -> None:
    transient = reportable(reviewer)
    Spectrum.objects.update(stated_redshift=0.1918)
    correct_transient(reviewer, transient, {"redshift": 0.031, "redshift_origin": "host"})
    classify_all()
    transient.refresh_from_db()
    decision = record_decision(reviewer, transient, Proposal("override", class_name="SN Ia"))
    assert (decision.prediction_seen["known_redshift"], decision.prediction_seen["known_redshift_origin"]) == (
        0.031,
        "host",
    )
    (row,) = build_report(reviewer, transient, FULL).payload["classification_report"].values()
    assert row["redshift"] == 0.031


def test_a_redshift_of_zero_is_reported_and_one_of_the_network_is_not(reviewer: User) -> None:
    transient = reportable(reviewer, class_name="Cataclysmic")
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
def test_the_tns_name_is_reported_without_its_prefix(names: list[str], found: str) -> None:
    assert find_name("", names) == found


def test_a_report_with_other_fields_is_refused() -> None:
    assert check({"classification_report": {"0": {"name": "2026abc"}}}, current_tables()) != []
    assert check({}, current_tables()) != []


def test_a_class_that_the_desk_has_no_number_for_gets_the_one_of_the_table(reviewer: User) -> None:
    report = build_report(reviewer, reportable(reviewer, class_name="SN Icn"), FULL)
    assert report.payload["classification_report"]["0"]["objtypeid"] == 109
    store_tables("live", {"object_types": {3: "SN Ia", 209: "SN Icn"}})
    report = build_report(reviewer, Transient.objects.get(), FULL)
    assert report.payload["classification_report"]["0"]["objtypeid"] == 209


def test_several_spectra_go_into_one_report_the_earliest_first(reviewer: User) -> None:
    transient = reportable(reviewer)
    earlier = Given(transient="SN 2026abc", observed_at=OBSERVED_AT - timedelta(days=3), instrument="SEDM")
    first = submit_spectrum(reviewer, spectrum_file(seed=2), "2.txt", earlier).spectrum
    Spectrum.objects.filter(pk=first.pk).update(observer="B. Observer")
    both = tuple(Spectrum.objects.values_list("pk", flat=True))
    report = build_report(reviewer, transient, Options(instrument=149, spectra=both))
    group = report.payload["classification_report"]["0"]["spectra"]["spectra-group"]
    assert [group[number]["obsdate"][:10] for number in ("0", "1")] == ["2026-07-29", "2026-08-01"]
    assert [group[number]["ascii_file"] for number in ("0", "1")] == [name for name, _ in report.files]
    assert f"_{first.pk}." in report.files[0][0]
    assert any("different instruments" in warning for warning in report.warnings)
    assert [group[number]["observer"] for number in ("0", "1")] == ["B. Observer", ""]
    assert report.problems == ["Say who observed it."]


@pytest.mark.parametrize(
    ("days_of_decided", "days_of_others", "taken"),
    [(0, [3], 0), (None, [0, 3], 2), (None, [3, 0], 1), (None, [None, 3], 2), (None, [None], 0)],
)
def test_the_spectrum_of_the_decision_is_reported_or_else_the_newest_dated_one_that_was_seen(
    reviewer: User, days_of_decided: int | None, days_of_others: list[int | None], taken: int
) -> None:
    made = []
    for seed, days in enumerate([days_of_decided, *days_of_others], start=1):
        observed_at = None if days is None else OBSERVED_AT + timedelta(days=days)
        given = Given(transient="AT2026abc", redshift=0.05, observed_at=observed_at, instrument="SEDM")
        made.append(submit_spectrum(reviewer, spectrum_file(seed=seed), f"{seed}.txt", given).spectrum)
    record_decision(reviewer, Transient.objects.get(), Proposal("override", class_name="TDE", spectrum=made[0].pk))
    unseen = Given(transient="AT2026abc", observed_at=OBSERVED_AT + timedelta(days=9))
    submit_spectrum(reviewer, spectrum_file(seed=9), "9.txt", unseen)
    report = build_report(reviewer, Transient.objects.get(), FULL)
    assert f"_{made[taken].pk}." in report.files[0][0]
    instead = "The spectrum of the decision has no date, so the newest dated one that its reviewer saw is taken."
    assert (instead in report.warnings) is (taken != 0)
    dated = made[taken].observed_at is not None
    assert ("State the time of observation among the facts of the spectrum." in report.problems) is not dated


def test_wavelengths_that_the_file_puts_at_rest_are_a_warning(reviewer: User) -> None:
    transient = reportable(reviewer)
    given = Given(transient="SN 2026abc", observed_at=OBSERVED_AT, instrument="EFOSC2")
    spectrum = submit_spectrum(reviewer, lnw([3.0]), "template.lnw", given).spectrum
    report = build_report(reviewer, transient, dataclasses.replace(FULL, spectra=(spectrum.pk,)))
    assert report.warnings == ["The wavelengths of a spectrum are in the rest frame."]


def test_the_proprietary_period_is_one_number_or_a_value_with_its_unit(reviewer: User, settings: Settings) -> None:
    transient, options = reportable(reviewer), dataclasses.replace(FULL, proprietary_period=30)
    told = build_report(reviewer, transient, options).payload["classification_report"]["0"]["spectra"]
    assert told["spectra-group"]["0"]["spec_proprietary_period"] == 30
    settings.TNS_PROPRIETARY_PERIOD = "value_and_units"
    report = build_report(reviewer, transient, options)
    told = report.payload["classification_report"]["0"]["spectra"]["spectra-group"]["0"]
    assert (told["spec_proprietary_period_value"], told["spec_proprietary_period_units"]) == (30, "days")
    assert "spec_proprietary_period" not in told
    assert report.problems == []


def test_without_a_vetted_classification_there_is_no_report(reviewer: User) -> None:
    transient = reportable(reviewer)
    record_decision(reviewer, transient, Proposal("unsure"))
    with pytest.raises(NotFoundError):
        build_report(reviewer, transient, FULL)


def test_a_private_classification_is_reported_only_by_its_group_and_with_a_warning(
    make_user: Callable[..., User],
) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    transient = reportable(alice, group=Group.objects.get(name="a"))
    assert "makes it public" in build_report(alice, transient, FULL).warnings[0]
    with pytest.raises(NotFoundError):
        build_report(bob, transient, FULL)


def test_a_line_break_in_an_old_record_adds_no_row_to_the_file_and_no_line_to_the_report(reviewer: User) -> None:
    transient = reportable(reviewer)
    Spectrum.objects.update(instrument="x\n3000 99\r3001 99", observer="A\nB")
    report = build_report(reviewer, transient, Options())
    [(_, content)] = report.files
    comments = [line for line in content.splitlines() if line.startswith("#")]
    assert "# instrument: x 3000 99 3001 99" in comments
    rows = content.splitlines()[len(comments) :]
    assert not any(row.startswith(("3000 99", "3001 99")) for row in rows)
    spectra = report.payload["classification_report"]["0"]["spectra"]["spectra-group"]
    assert spectra["0"]["observer"] == "A B"
