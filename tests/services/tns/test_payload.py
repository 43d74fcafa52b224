"""The report to the TNS has the fields that the TNS expects."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User

from tests.factories import spectrum_file
from tests.fakes.tns import FULL, reportable
from triage.errors import NotFoundError
from triage.intake.submit import Given, submit_spectrum
from triage.models import Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.tns.payload import Options, build_report, check, find_name

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


def test_unknown_values_are_empty_and_named_as_problems(reviewer: User) -> None:
    submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="ZTF26aaa"))
    transient = Transient.objects.get()
    record_decision(reviewer, transient, Proposal("override", class_name="SN Icn"))
    report = build_report(reviewer, transient, Options())
    said = report.payload["classification_report"]["0"]
    assert (said["redshift"], said["objtypeid"], said["spectra"]["spectra-group"]["0"]["obsdate"]) == ("", "", "")
    wrong = " ".join(report.problems)
    for missing in ("TNS name", "no object type for “SN Icn”", "time of observation", "instrument", "observed it"):
        assert missing in wrong


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
    assert check({"classification_report": {"0": {"name": "2026abc"}}}) != []
    assert check({}) != []


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
