"""The automatic lane: it classifies what a policy passes, and leaves a random share to people, who vote blind.

Several workers may run it at once. Each transient is considered under the lock of its run and its own lock, and a
prediction is classified once.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q
from django.utils.crypto import salted_hmac

from triage.models import (
    AutomaticClassification,
    AutomaticRun,
    BlindSample,
    Brightness,
    Checkpoint,
    Claim,
    Decision,
    Spectrum,
)
from triage.models.automatic_classification import OF_AUDIENCE, AutomaticClassificationQuerySet
from triage.models.spectrum import SpectrumQuerySet
from triage.queue import entries
from triage.review import runs, seen
from triage.review.conditions import counts_simulated, passing, unanimous

log = logging.getLogger(__name__)


def run_policies() -> int:
    """Let every policy that is on classify what it passes, and return how many transients were classified.

    A policy that must not go on is switched off before it classifies anything.
    """
    count = 0
    for run in AutomaticRun.objects.on().select_related("group"):
        if not _end_if_due(run):
            count += sum(_consider(run, transient_id) for transient_id in _candidates(run))
            _end_if_due(run)
    return count


def is_drawn(run: AutomaticRun, transient_id: int) -> bool:
    """Return whether a transient belongs to the share that people classify blind.

    The draw is a keyed hash of transient and audience, so it has one outcome however often it is made, and nobody can
    choose it by the order or the number of uploads.
    """
    digest = salted_hmac("triage.review.lane", f"{run.group_id or 0}:{transient_id}", algorithm="sha256").digest()
    return int.from_bytes(digest[:8], "big") < run.policy.share_for_people * 2**64


def _end_if_due(run: AutomaticRun) -> bool:
    """Switch a run off if it must not go on, and return whether it is off."""
    if not Checkpoint.objects.filter(current=True, hash=run.checkpoint).exists():
        runs.end(run, "Another checkpoint classifies now, for which the false rate is not known.")
        return True
    found, allowed = runs.measured(run), run.policy.allowed_false_rate
    if run.limit is not None and found.disagreed:
        runs.end(run, "A blind vote of the trial names another class than the prediction.", recall=True)
    elif found.bound is not None and found.bound > allowed:
        why = f"The upper bound of the false rate is {found.bound:.2%}, more than the allowed {allowed:.2%}."
        runs.end(run, why.replace("%", " %"), recall=True)
    elif run.limit is not None and found.classified >= run.limit:
        runs.end(run, f"The trial has classified {found.classified} transients.")
    else:
        return False
    return True


def _eligible(run: AutomaticRun) -> SpectrumQuerySet:
    """Return the spectra that a run may look at: classified ones of transients that came since and nobody decided.

    A transient whose spectra are predicted as different classes, or that somebody is looking at, is left to people.
    """
    decided = Decision.objects.filter(OF_AUDIENCE, transient=OuterRef("transient"))
    claimed = Claim.objects.filter(transient=OuterRef("transient")).live()
    rows = Spectrum.objects.filter(
        ~Exists(decided),
        ~Exists(claimed),
        group=run.group,
        transient__created_at__gte=run.began_at,
        rejected=False,
        current_prediction__checkpoint__hash=run.checkpoint,
    )
    return rows if counts_simulated(run.policy) else rows.filter(simulated=False)


def _candidates(run: AutomaticRun) -> list[int]:
    """Return the transients that may have to be classified or drawn, the earliest arrival first."""
    rows = _eligible(run)
    sampled = BlindSample.objects.filter(run=run, transient=OuterRef("transient"))
    new = rows.filter(~Exists(sampled), ~Exists(_standing(run)))
    drawn = {pk for pk in new.order_by("transient").values_list("transient", flat=True).distinct() if is_drawn(run, pk)}
    return sorted(drawn | {row["transient_id"] for row in passing(_open(run, unanimous(rows)), run.policy)})


def _standing(run: AutomaticRun) -> AutomaticClassificationQuerySet:
    """Return what stands by this audience's policy of the outer query's transient."""
    rows = AutomaticClassification.objects.filter(transient=OuterRef("transient"), group=run.group)
    return rows.standing()


def _open(run: AutomaticRun, rows: SpectrumQuerySet) -> SpectrumQuerySet:
    """Keep the spectra of transients that neither stand by this audience's policy nor have a sample that passed."""
    passed = BlindSample.objects.filter(transient=OuterRef("transient"), run=run, passed=True)
    used = AutomaticClassification.objects.filter(prediction=OuterRef("current_prediction"))
    return rows.filter(~Exists(_standing(run)), ~Exists(passed), ~Exists(used))


def _consider(run: AutomaticRun, transient_id: int) -> bool:
    """Classify a transient, or leave it to people, and return whether it was classified."""
    with transaction.atomic():
        # The run comes first in every transaction that locks both.
        on = AutomaticRun.objects.on().select_for_update().filter(pk=run.pk).values_list("pk", flat=True)
        if not on:
            return False
        entries.lock(transient_id)
        rows = _eligible(run).filter(transient=transient_id)
        # All are read, because a reading that is left halfway keeps a cursor open beyond the transaction.
        passed = list(passing(_open(run, unanimous(rows)), run.policy))
        row = passed[0] if passed else None
        if is_drawn(run, transient_id):
            if row or not run.samples.filter(transient=transient_id).exists():
                _leave_to_people(run, transient_id, row["pk"] if row else None, rows)
            return False
        full = run.limit is not None and run.classifications.count() >= run.limit
        if row is None or full:
            return False
        _classify(run, row["pk"])
        entries.refresh(transient_id)
    return True


def _leave_to_people(run: AutomaticRun, transient_id: int, passed: int | None, rows: SpectrumQuerySet) -> None:
    """Write down that a transient was drawn.

    passed: id of the spectrum that passes, or None if none does.
    rows: spectra of the transient.
    """
    spectrum = rows.filter(pk=passed).first() if passed else rows.order_by("created_at", "pk").first()
    if spectrum is None or spectrum.current_prediction is None:
        return
    BlindSample.objects.get_or_create(
        run=run,
        transient_id=transient_id,
        passed=passed is not None,
        defaults={
            "group": run.group,
            "prediction": spectrum.current_prediction,
            "class_name": spectrum.current_prediction.class_name,
        },
    )


def _classify(run: AutomaticRun, spectrum_id: int) -> None:
    related = ("current_prediction__checkpoint", "current_prediction__named_matches")
    told = Brightness.objects.filter(Q(group__isnull=True) | Q(group=run.group))
    brightness = Prefetch("current_prediction__brightnesses", told, to_attr="visible_brightnesses")
    rows = Spectrum.objects.select_related("transient", *related).prefetch_related(brightness)
    spectrum = rows.get(pk=spectrum_id)
    transient, prediction = spectrum.transient, spectrum.current_prediction
    if transient is None or prediction is None:
        return
    AutomaticClassification.objects.create(
        run=run,
        transient=transient,
        group=run.group,
        prediction=prediction,
        class_name=prediction.class_name,
        prediction_seen=seen.summary(prediction, run.group) | seen.known_redshift(transient, spectrum),
    )
    log.info("run %s classified transient %s as %s", run.pk, transient.pk, prediction.class_name)
