"""Brightness beside a prediction: computed by the worker from the light curves that an audience sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries

from tests.factories import classified, override
from tests.light_curves import MAXIMUM, light_curve
from triage.inference import brightness, worker
from triage.inference.brightness import measure_due
from triage.intake import photometry
from triage.intake.disclosure import admit
from triage.intake.facts import correct_spectrum, correct_transient
from triage.intake.move import move
from triage.models import Brightness, BrightnessDue, Photometry, Prediction, QueueEntry, Spectrum, Transient
from triage.queue.priority import WEIGHTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def transient(reviewer: User) -> Transient:
    """Return a transient at z = 0.1 with a spectrum of eleven days after MAXIMUM."""
    return classified(reviewer, "X", redshift=0.1, observed_at=MAXIMUM + timedelta(days=11))


def add(user: User, transient: Transient, content: bytes | None = None, group: Group | None = None) -> Photometry:
    """Add a light curve and compute what it says."""
    row, _ = photometry.add(user, transient, content or light_curve(), "a.csv", group)
    measure_due(60)
    return row


def test_a_light_curve_gives_an_absolute_magnitude_and_the_prediction_stays(
    reviewer: User, transient: Transient
) -> None:
    before = Prediction.objects.values().get()
    add(reviewer, transient)
    row = Brightness.objects.get()
    assert (row.problem, row.filter, row.mjd, row.magnitude, row.covered) == ("", "ztfr", 61_050.0, 18.0, True)
    assert row.absolute == pytest.approx(18.0 - row.distance_modulus - row.k_correction)  # type: ignore[operator]
    assert row.absolute == pytest.approx(-20.28, abs=0.02)
    assert str(row) == "M_r = −20.3"
    assert sum(row.probabilities.values()) == pytest.approx(1)
    assert set(row.probabilities) == set(before["probabilities"])
    assert row.probability == max(row.probabilities.values())
    # Eleven days by the observer's clock.
    assert row.phase == pytest.approx(10.0)
    assert Prediction.objects.values().get() == before


def test_what_was_taken_after_maximum_is_a_bound(reviewer: User, transient: Transient) -> None:
    add(reviewer, transient, light_curve(first=6))
    row = Brightness.objects.get()
    assert (row.covered, row.phase, row.phase_error) == (False, None, None)
    assert str(row) == "M_r = −20.2 or brighter"


def test_the_reddening_of_the_milky_way_makes_it_brighter(reviewer: User, transient: Transient) -> None:
    add(reviewer, transient)
    plain = Brightness.objects.get()
    assert plain.extinction is None
    correct_transient(reviewer, transient, {"ebv": 0.1})
    measure_due(60)
    row = Brightness.objects.get()
    assert row.extinction == pytest.approx(0.2285)
    assert row.absolute == pytest.approx(plain.absolute - 0.2285)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("redshift", "content", "problem"),
    [
        (None, light_curve(), "no_redshift"),
        (0.0, light_curve(), "too_near"),
        (0.0012, light_curve(), "too_uncertain"),
        (0.1, b"mjd,filter,flux,error\n61050,r,500,5\n", "no_zero_point"),
        (0.1, b"mjd,filter,mag,error\n61050,r,>20.5,\n", "no_measurement"),
        (0.1, b"mjd,filter,mag,error\n61050,UVW1,18,0.1\n", "no_measurement"),
        (0.1, b"mjd,filter,mag,error\n58000,r,18,0.1\n", "no_measurement"),
    ],
)
def test_a_light_curve_that_gives_no_magnitude_says_why(
    reviewer: User, redshift: float | None, content: bytes, problem: str
) -> None:
    transient = classified(reviewer, "X", redshift=redshift, observed_at=MAXIMUM)
    add(reviewer, transient, content)
    row = Brightness.objects.get()
    assert (row.problem, row.absolute, row.covered, row.class_name, row.probability) == (problem, None, None, "", None)


def test_fluxes_in_microjansky_count_beside_magnitudes(reviewer: User, transient: Transient) -> None:
    add(reviewer, transient, b"mjd,filter,flux_ujy,error\n61050,ztfr,575.44,5\n")
    assert Brightness.objects.get().magnitude == pytest.approx(17.0, abs=1e-3)


def test_without_a_light_curve_nothing_is_due(
    reviewer: User, transient: Transient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert not BrightnessDue.objects.exists()
    with django_assert_num_queries(3):
        assert measure_due(60) == 0
    assert Prediction.objects.get().brightness is None


def test_a_new_prediction_is_measured_too(reviewer: User, transient: Transient) -> None:
    add(reviewer, transient)
    spectrum = Spectrum.objects.get()
    correct_spectrum(reviewer, spectrum, {"redshift": 0.2})
    worker.process_backlog()
    assert measure_due(60) == 1
    row = Brightness.objects.get()
    assert row.prediction.redshift_used == 0.2
    assert row.absolute == pytest.approx(-21.9, abs=0.1)


def test_a_corrected_date_gives_another_phase(reviewer: User, transient: Transient) -> None:
    add(reviewer, transient)
    correct_spectrum(reviewer, Spectrum.objects.get(), {"observed_at": MAXIMUM})
    measure_due(60)
    assert Brightness.objects.get().phase == 0.0
    correct_spectrum(reviewer, Spectrum.objects.get(), {"observed_at": None})
    measure_due(60)
    assert Brightness.objects.get().phase is None


def test_a_removed_light_curve_says_nothing_from_that_moment_on(reviewer: User, transient: Transient) -> None:
    first = add(reviewer, transient, light_curve(name="ztfg"))
    second = add(reviewer, transient, light_curve(top=17.0))
    assert Brightness.objects.get().magnitude == 17.0
    photometry.remove(reviewer, second.pk)
    assert not Brightness.objects.exists()
    measure_due(60)
    assert Brightness.objects.get().magnitude == 18.0
    photometry.remove(reviewer, first.pk)
    measure_due(60)
    assert not Brightness.objects.exists()


def test_a_spectrum_that_moves_leaves_the_light_curve_of_its_old_transient(
    reviewer: User, transient: Transient
) -> None:
    add(reviewer, transient)
    other = classified(reviewer, "Y", seed=2, redshift=0.1)
    add(reviewer, other, light_curve(top=16.0))
    spectrum = Spectrum.objects.get(transient=transient)
    move(reviewer, spectrum, "Y")
    assert not Brightness.objects.filter(prediction__spectrum=spectrum).exists()
    measure_due(60)
    assert Brightness.objects.get(prediction__spectrum=spectrum).magnitude == 16.0


def seen(user: User) -> Brightness | None:
    """Return what light curves say to a user about the only prediction."""
    return Prediction.objects.prefetch_related(Brightness.objects.for_reader(user)).get().brightness


def test_a_groups_light_curve_speaks_to_its_members_alone(
    make_user: Callable[..., User], reviewer: User, transient: Transient
) -> None:
    member, group = make_user("member", "ePESSTO"), Group.objects.get(name="ePESSTO")
    add(member, transient, light_curve(top=16.0), group)
    assert seen(reviewer) is None
    mine = seen(member)
    assert mine is not None
    assert mine.magnitude == 16.0
    # Everybody sees this one, and the group sees both.
    add(reviewer, transient, light_curve(top=18.0, name="ztfg"))
    theirs, mine = seen(reviewer), seen(member)
    assert theirs is not None
    assert mine is not None
    assert (theirs.magnitude, mine.magnitude) == (18.0, 16.0)


def test_a_transient_that_a_new_audience_learns_of_tells_it_nothing_of_older_light_curves(
    make_user: Callable[..., User],
) -> None:
    member, group = make_user("member", "ePESSTO"), Group.objects.get(name="ePESSTO")
    transient = classified(member, "X", redshift=0.1, group=group)
    add(member, transient)
    admit(transient, None)
    assert not Brightness.objects.filter(group=None).exists()
    measure_due(60)
    assert [row.group for row in Brightness.objects.all()] == [group]


def test_a_decision_keeps_what_all_of_its_readers_may_see(
    make_user: Callable[..., User], reviewer: User, transient: Transient
) -> None:
    member, group = make_user("member", "ePESSTO"), Group.objects.get(name="ePESSTO")
    add(member, transient, light_curve(top=16.0), group)
    assert override(member, transient, "TDE").prediction_seen["brightness"] is None
    # A longer light curve of the group does not hide the public one.
    add(reviewer, transient, light_curve(last=6))
    kept = override(member, transient, "TDE").prediction_seen["brightness"]
    assert kept["absolute"] == Brightness.objects.get(group=None).absolute
    Brightness.objects.all().delete()
    Photometry.objects.all().delete()
    add(reviewer, transient)
    kept = override(reviewer, transient, "SLSN-I").prediction_seen["brightness"]
    row = Brightness.objects.get()
    assert (kept["absolute"], kept["phase"], kept["table"]) == (row.absolute, row.phase, row.table)


def test_a_light_curve_that_breaks_the_computation_is_left_alone(
    reviewer: User, transient: Transient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise OverflowError

    monkeypatch.setattr(brightness, "luminosity", broken)
    add(reviewer, transient)
    assert "could not be computed" in caplog.text
    assert not Brightness.objects.exists()
    assert not BrightnessDue.objects.exists()


def test_a_command_computes_all_transients_anew(
    reviewer: User, transient: Transient, capsys: pytest.CaptureFixture[str]
) -> None:
    add(reviewer, transient)
    Brightness.objects.update(table="older")
    call_command("brightness")
    assert "1 transients were computed" in capsys.readouterr().out
    assert Brightness.objects.get().table != "older"


def test_a_sign_for_no_magnitude_is_no_measurement(
    make_user: Callable[..., User], reviewer: User, transient: Transient
) -> None:
    add(reviewer, transient)
    told = Brightness.objects.get().absolute
    odd = b"mjd,filter,mag,error\n61051.0,ztfr,-99,0.0\n61052.0,ztfr,18.0,-99\n61053.0,ztfr,17.9,0.05\n"
    member = make_user("member", "ePESSTO")
    add(member, transient, odd, Group.objects.get(name="ePESSTO"))
    assert Brightness.objects.get(group=None).absolute == told
    assert Brightness.objects.exclude(group=None).get().magnitude is not None


def test_the_brightness_when_the_spectrum_was_taken_stands_beside_the_peak(
    reviewer: User, transient: Transient
) -> None:
    add(reviewer, transient)
    row = Brightness.objects.get()
    # The spectrum is of eleven days after maximum, between two nights.
    assert row.absolute_then - row.absolute == pytest.approx((11 / 20) ** 2, abs=0.01)  # type: ignore[operator]
    assert row.absolute_then_error > row.absolute_error  # type: ignore[operator]


@pytest.mark.parametrize("days", [None, 45])
def test_without_a_date_or_a_night_near_it_the_brightness_of_the_spectrum_is_not_known(
    reviewer: User, days: int | None
) -> None:
    taken = None if days is None else MAXIMUM + timedelta(days=days)
    add(reviewer, classified(reviewer, "X", redshift=0.1, observed_at=taken))
    row = Brightness.objects.get()
    assert row.absolute is not None
    assert (row.absolute_then, row.absolute_then_error) == (None, None)


def test_a_surprising_brightness_moves_a_transient_up_for_those_who_see_the_light_curve(
    reviewer: User, transient: Transient
) -> None:
    def priority() -> float:
        found: float = QueueEntry.objects.get(transient=transient).priority  # type: ignore[assignment]
        return found

    plain = priority()
    group = Group.objects.create(name="ePESSTO")
    reviewer.groups.add(group)
    private = add(reviewer, transient, light_curve(top=15), group=group)
    assert Brightness.objects.get().surprise > 0.9  # type: ignore[operator]
    assert priority() == plain
    photometry.remove(reviewer, private.pk)
    add(reviewer, transient, light_curve(top=15.1))
    assert priority() == pytest.approx(plain + WEIGHTS["brightness"], abs=0.01)
    photometry.remove(reviewer, Photometry.objects.get().pk)
    measure_due(60)
    assert priority() == plain


def test_measuring_makes_way_for_the_network(reviewer: User, transient: Transient) -> None:
    photometry.add(reviewer, transient, light_curve(), "a.csv", None)
    assert measure_due(60, stopping=lambda: True) == 0
    assert measure_due(60, stopping=lambda: False) == 1
