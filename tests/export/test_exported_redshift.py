"""The redshift that is exported with a classification, its error and its origin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.factories import classified
from triage.export import classifications
from triage.export.tables import csv_lines, votable_lines
from triage.models import Prediction, Spectrum, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db
KEYS = ("redshift", "redshift_error", "redshift_source", "redshift_origin")
MATCH = {"class": "SN Ia", "redshift": 0.05, "score": 20.0, "template": 3}


def said(user: User, **prediction: Any) -> Transient:
    """Return a transient without a redshift whose prediction has the given values."""
    transient = classified(user)
    Transient.objects.update(redshift=None)
    Spectrum.objects.update(stated_redshift=None)
    Prediction.objects.update(**{"redshift": None, "redshift_error": None, "crosscheck": None, **prediction})
    return transient


def exported(user: User, transient: Transient, class_name: str = "SN Ia", redshift: float | None = None) -> Any:
    record_decision(user, transient, Proposal("override", class_name=class_name, redshift=redshift))
    (row,) = map(classifications.as_row, classifications.vetted(user, classifications.Wanted()))
    return tuple(row[key] for key in KEYS)


def test_a_redshift_of_the_network_is_exported_with_its_error(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.04, redshift_error=0.002, crosscheck=MATCH)
    assert exported(reviewer, transient) == (0.04, 0.002, "network", "network")


def test_a_redshift_of_the_network_is_dropped_for_a_class_of_another_kind(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.04, redshift_error=0.002)
    assert exported(reviewer, transient, "SN Iax") == (0.04, 0.002, "network", "network")
    assert exported(reviewer, transient, "TDE") == (None, None, None, None)


def test_a_galactic_transient_has_a_redshift_only_if_one_was_given(reviewer: User) -> None:
    transient = said(reviewer, class_name="Cataclysmic", redshift=-3.06e-5, redshift_error=0.001)
    assert exported(reviewer, transient, "Cataclysmic") == (None, None, None, None)
    assert exported(reviewer, transient, "Cataclysmic", redshift=0.0) == (0.0, None, "given", "reviewer")


def test_only_significant_decimals_are_exported(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.007090726624150029, redshift_error=0.00123456)
    assert exported(reviewer, transient)[:2] == (0.00709, 0.00123)


def test_a_given_redshift_takes_precedence_and_keeps_the_error_of_its_catalogue(reviewer: User) -> None:
    transient = said(reviewer, redshift=0.04, redshift_error=0.002)
    Transient.objects.update(redshift=0.031, redshift_error=0.001, redshift_origin="skyportal")
    transient.refresh_from_db()
    assert exported(reviewer, transient) == (0.031, 0.001, "given", "skyportal")
    assert exported(reviewer, transient, redshift=0.032) == (0.032, None, "given", "reviewer")


def test_a_template_redshift_counts_only_for_its_own_class_and_without_any_other_redshift(reviewer: User) -> None:
    transient = said(reviewer, crosscheck=MATCH)
    assert exported(reviewer, transient) == (0.05, None, "template", "template")
    assert exported(reviewer, transient, "TDE") == (None, None, None, None)


def test_a_poor_template_match_gives_no_redshift(reviewer: User) -> None:
    assert exported(reviewer, said(reviewer, crosscheck=MATCH | {"score": 5.0})) == (None, None, None, None)


def test_tables_have_columns_for_redshift_and_error(reviewer: User) -> None:
    exported(reviewer, said(reviewer, redshift=0.04, redshift_error=0.002))
    (row,) = map(classifications.as_row, classifications.vetted(reviewer, classifications.Wanted()))
    assert "0.04,0.002,network,network" in "".join(csv_lines([row], classifications.COLUMNS))
    assert 'name="redshift_error" datatype="double"' in "".join(votable_lines([row], classifications.COLUMNS))
