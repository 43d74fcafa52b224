"""Which redshift leaves the desk with a classification, with what error, and whence."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.triage.test_review import classified
from triage import export
from triage.models import Prediction, Spectrum, Transient
from triage.review import Proposal, record_decision
from triage.tables import csv_lines, votable_lines

pytestmark = pytest.mark.django_db
KEYS = ("redshift", "redshift_error", "redshift_source", "redshift_origin")
MATCH = {"class": "SN Ia", "redshift": 0.05, "score": 20.0, "template": 3}


def said(user: User, **prediction: Any) -> Transient:
    """With a prediction that says this much and knows no redshift of the transient."""
    transient = classified(user)
    Transient.objects.update(redshift=None)
    Spectrum.objects.update(stated_redshift=None)
    Prediction.objects.update(**{"redshift": None, "redshift_error": None, "crosscheck": None, **prediction})
    return transient


def exported(user: User, transient: Transient, class_name: str = "SN Ia", redshift: float | None = None) -> Any:
    record_decision(user, transient, Proposal("override", class_name=class_name, redshift=redshift))
    (row,) = map(export.as_row, export.vetted(user, export.Wanted()))
    return tuple(row[key] for key in KEYS)


def test_the_networks_has_its_error(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.04, redshift_error=0.002, crosscheck=MATCH)
    assert exported(reviewer, transient) == (0.04, 0.002, "network", "network")


def test_the_networks_is_not_kept_for_a_class_of_another_kind(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.04, redshift_error=0.002)
    assert exported(reviewer, transient, "SN Iax") == (0.04, 0.002, "network", "network")
    assert exported(reviewer, transient, "TDE") == (None, None, None, None)


def test_what_lies_in_our_galaxy_has_none_but_a_given_one(reviewer: User) -> None:
    transient = said(reviewer, class_name="Cataclysmic", redshift=-3.06e-5, redshift_error=0.001)
    assert exported(reviewer, transient, "Cataclysmic") == (None, None, None, None)
    assert exported(reviewer, transient, "Cataclysmic", redshift=0.0) == (0.0, None, "given", "reviewer")


def test_no_more_decimals_leave_than_mean_something(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.007090726624150029, redshift_error=0.00123456)
    assert exported(reviewer, transient)[:2] == (0.00709, 0.00123)


def test_a_given_one_counts_before_the_networks_and_has_the_catalogues_error(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.04, redshift_error=0.002)
    Transient.objects.update(redshift=0.031, redshift_error=0.001, redshift_origin="skyportal")
    transient.refresh_from_db()
    assert exported(reviewer, transient) == (0.031, 0.001, "given", "skyportal")
    assert exported(reviewer, transient, redshift=0.032) == (0.032, None, "given", "reviewer")


def test_a_templates_counts_where_nothing_else_is_known_and_the_class_is_its_own(reviewer: User) -> None:
    transient = said(reviewer, crosscheck=MATCH)
    assert exported(reviewer, transient) == (0.05, None, "template", "template")
    assert exported(reviewer, transient, "TDE") == (None, None, None, None)


def test_a_poor_match_says_nothing(reviewer: User) -> None:
    assert exported(reviewer, said(reviewer, crosscheck=MATCH | {"score": 5.0})) == (None, None, None, None)


def test_tables_have_both_columns(reviewer: User) -> None:
    exported(reviewer, said(reviewer, redshift=0.04, redshift_error=0.002))
    (row,) = map(export.as_row, export.vetted(reviewer, export.Wanted()))
    assert "0.04,0.002,network,network" in "".join(csv_lines([row], export.COLUMNS))
    assert 'name="redshift_error" datatype="double"' in "".join(votable_lines([row], export.COLUMNS))
