"""Automatic policies and their dry runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classifier.signal_to_noise import NO_CLASS
from classifier.wilson import wilson
from tests.factories import override
from tests.review.lane.desk import predicted
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import AutomaticPolicy, Prediction, ReviewPolicy, Spectrum
from triage.models.arrays import pack
from triage.review import automatic
from triage.review.decisions import undo
from triage.review.dry_run import DryRun, dry_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada", "ePESSTO")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


def tried(user: User, group: str = "", simulated: bool | None = None, **values: Any) -> DryRun:
    policy = automatic.draft(user, group, {"class_names": ["SN Ia"], **values})
    return dry_run(user, policy, simulated)


def names(run: DryRun) -> list[str]:
    return [row.transient for row in run.passed]


def test_a_dry_run_counts_what_passes_and_where_people_disagreed(ada: User) -> None:
    right, wrong = predicted(ada, "RIGHT", 1), predicted(ada, "WRONG", 2)
    predicted(ada, "OPEN", 3)
    predicted(ada, "UNSURE", 4, uncertainty=0.3)
    override(ada, right, "SN Ia")
    override(ada, wrong, "TDE")
    run = tried(ada)
    assert (run.arrived, names(run), run.decided) == (4, ["RIGHT", "WRONG", "OPEN"], 2)
    assert [(row.transient, row.decided) for row in run.disagreements] == [("WRONG", "TDE")]
    assert run.false_rate == 0.5
    assert run.interval == wilson(1, 2)
    assert run.within_allowed is False
    (counted,) = run.by_class
    assert (counted.class_name, counted.passed, counted.decided, counted.disagreed) == ("SN Ia", 3, 2, 1)


@pytest.mark.parametrize(
    ("values", "policy"),
    [
        ({"class_name": "SN II"}, {}),
        ({"uncertainty": 0.03}, {}),
        ({"novelty": 0.9}, {"novelty": 0.8}),
        ({"conformal_set": ["SN Ia", "SN Ic"]}, {}),
        ({"crosscheck": None}, {}),
        ({"crosscheck": {"class": "SN Ic", "redshift": 0.0, "score": 9.0}}, {}),
        ({"without_host_light": 0.4}, {}),
        ({}, {"signal_to_noise": 1e6}),
    ],
)
def test_a_prediction_passes_only_if_it_fulfils_every_condition(
    ada: User, values: dict[str, Any], policy: dict[str, Any]
) -> None:
    predicted(ada, "X", **values)
    assert names(tried(ada, **policy)) == []


def test_conditions_that_are_off_are_not_checked(ada: User) -> None:
    predicted(ada, "X", novelty=1.0, conformal_set=["SN Ia", "SN Ic"], crosscheck=None)
    assert names(tried(ada, template_agrees=False, set_of_one=False, signal_to_noise=1.0)) == ["X"]


def test_a_ratio_that_cannot_be_measured_does_not_pass_a_bound(ada: User) -> None:
    transient = predicted(ada, "X")
    arrays = transient.spectra.get().arrays
    arrays.wavelength, arrays.flux, arrays.flux_error = pack(np.arange(4000.0, 4005.0)), pack(np.ones(5)), None
    arrays.save()
    assert names(tried(ada, signal_to_noise=0.0)) == []
    assert names(tried(ada)) == ["X"]


@pytest.mark.parametrize("code", NO_CLASS)
def test_noise_passes_no_policy_however_sure_the_prediction(ada: User, code: str) -> None:
    spectrum = predicted(ada, "X").spectra.get()
    spectrum.receipt["warnings"] = [{"code": code, "message": "nothing to be seen"}]
    spectrum.save()
    assert names(tried(ada, template_agrees=False, set_of_one=False)) == []


def test_only_spectra_of_the_last_month_count_and_a_transient_counts_once(ada: User) -> None:
    predicted(ada, "OLD", 1)
    Spectrum.objects.update(created_at=timezone.now() - timedelta(days=31))
    predicted(ada, "NEW", 2)
    predicted(ada, "NEW", 3)
    run = tried(ada)
    assert (run.arrived, names(run)) == (1, ["NEW"])
    assert run.passed[0].spectrum == Spectrum.objects.filter(transient__name="NEW").earliest("id").pk


def test_a_decision_that_was_undone_or_disputed_is_no_verdict(ada: User, ben: User) -> None:
    undone, disputed = predicted(ada, "UNDONE", 1), predicted(ada, "DISPUTED", 2)
    undo(ada, override(ada, undone, "TDE").pk)
    ReviewPolicy.objects.create(class_names=["SN Ia"])
    override(ada, disputed, "TDE")
    override(ben, disputed, "SN Ic")
    run = tried(ada)
    assert (names(run), run.decided) == (["UNDONE", "DISPUTED"], 0)
    assert run.false_rate is run.interval is run.within_allowed is None


def test_each_audience_is_tried_on_its_own_spectra_and_decisions(ada: User, ben: User) -> None:
    group = ada.groups.get()
    private = predicted(ada, "PRIVATE", 1, group)
    predicted(ada, "PUBLIC", 2)
    override(ada, private, "TDE")
    assert names(tried(ada)) == names(tried(ben)) == ["PUBLIC"]
    run = tried(ada, "ePESSTO")
    assert [(row.transient, row.decided) for row in run.passed] == [("PRIVATE", "TDE")]
    with pytest.raises(NotFoundError):
        tried(ben, "ePESSTO")


def test_a_transient_that_waits_for_the_users_blind_vote_is_left_out(ada: User, ben: User) -> None:
    transient = predicted(ada, "X")
    ReviewPolicy.objects.create(class_names=["SN Ia"])
    override(ada, transient, "SN Ia")
    assert names(tried(ada)) == ["X"]
    assert (tried(ben).arrived, names(tried(ben))) == (0, [])


def test_the_demo_night_counts_only_while_there_are_no_other_spectra(ada: User) -> None:
    predicted(ada, "DEMO", 1)
    Spectrum.objects.update(simulated=True)
    run = tried(ada)
    assert (names(run), run.simulated) == (["DEMO"], True)
    predicted(ada, "REAL", 2)
    assert names(tried(ada)) == ["REAL"]
    assert names(tried(ada, simulated=True)) == ["DEMO", "REAL"]


def test_a_dry_run_takes_as_many_queries_for_many_transients_as_for_one(ada: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            tried(ada, signal_to_noise=0.0)
        return len(captured)

    override(ada, predicted(ada, "T0", 0), "TDE")
    few = count()
    for seed in range(1, 5):
        override(ada, predicted(ada, f"T{seed}", seed), "TDE")
    assert count() == few


def test_a_rejected_spectrum_and_one_that_another_contradicts_do_not_pass(ada: User) -> None:
    predicted(ada, "REJECTED", 1)
    Spectrum.objects.update(rejected=True)
    predicted(ada, "SPLIT", 2)
    newer = predicted(ada, "SPLIT", 3).spectra.latest("id")
    Prediction.objects.filter(spectrum=newer).update(class_name="TDE")
    predicted(ada, "AGREED", 4)
    run = tried(ada)
    assert (run.arrived, names(run)) == (2, ["AGREED"])


def test_the_interval_holds_the_rate_and_narrows_with_more_trials() -> None:
    assert wilson(0, 381) == (0.0, pytest.approx(0.00998, abs=1e-4))
    assert wilson(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert wilson(5, 5)[1] == 1.0
    for hits, total in ((0, 1), (3, 7), (30, 70)):
        low, high = wilson(hits, total)
        assert 0 <= low <= hits / total <= high <= 1
    assert wilson(30, 70)[1] < wilson(3, 7)[1]


def test_a_false_rate_is_allowed_if_even_its_upper_bound_is(ada: User) -> None:
    override(ada, predicted(ada, "X"), "SN Ia")
    run = tried(ada, allowed_false_rate=0.9, share_for_people=1.0)
    assert (run.within_allowed, run.for_people) == (True, 1)
    assert tried(ada).within_allowed is False


def test_staff_and_trusted_members_may_set_a_policy(ada: User, ben: User) -> None:
    wanted = {"class_names": ["TDE", "SN Ia", "TDE"], "probability": 0.99}
    for group in ("", "ePESSTO"):
        with pytest.raises(NotYoursError):
            automatic.change_policy(ada, group, wanted)
    ada.user_permissions.add(Permission.objects.get(codename="change_automaticpolicy"))
    ada = User.objects.get(pk=ada.pk)
    stored = automatic.change_policy(ada, "ePESSTO", wanted)
    assert stored is not None
    assert (stored.class_names, stored.probability) == (["SN Ia", "TDE"], 0.99)
    assert [row["editable"] for row in automatic.policies(ada)] == [False, True]
    with pytest.raises(NotYoursError):
        automatic.change_policy(ada, "", wanted)
    ben.is_staff = True
    automatic.change_policy(ben, "", wanted)
    automatic.change_policy(ben, "", {**wanted, "novelty": 0.5})
    assert AutomaticPolicy.objects.get(group=None).novelty == 0.5
    assert automatic.change_policy(ben, "", {"class_names": []}) is None
    assert not AutomaticPolicy.objects.filter(group=None).exists()


@pytest.mark.parametrize(
    "values",
    [
        {"class_names": ["Nova of mine"]},
        {"class_names": ["SN Ia-91bg"]},
        {"probability": 0.0},
        {"probability": 1.2},
        {"novelty": -0.1},
        {"signal_to_noise": -1.0},
        {"share_for_people": 2.0},
        {"allowed_false_rate": 0.0},
    ],
)
def test_a_policy_with_an_impossible_bound_is_refused(ada: User, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidActionError):
        automatic.draft(ada, "", {"class_names": ["SN Ia"], **values})


def test_an_audience_has_one_automatic_policy() -> None:
    AutomaticPolicy.objects.create(class_names=["SN Ia"])
    with pytest.raises(IntegrityError), transaction.atomic():
        AutomaticPolicy.objects.create(class_names=["TDE"])
