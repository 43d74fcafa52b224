"""Redshifts that came with spectra and give way to a person's correction of the transient."""

from __future__ import annotations

from django.db.models import Q

from triage.intake.reclassification import classify_again
from triage.models import ActKind, Spectrum, SpectrumAct, TransientAct

# Redshift of each spectrum before and after, by the spectrum's id as JSON takes it.
OwnRedshifts = dict[str, tuple[float | None, float | None]]


def follow(act: TransientAct, wanted: OwnRedshifts | None) -> None:
    """Change redshifts of spectra together with their transient's, and classify its spectra again.

    The act notes what changed. A spectrum stays as it is if it has left the transient or the act's audience, or has
    another redshift by now.

    act: the correction of the transient, before it is saved.
    wanted: how redshifts change; None for all spectra of the act's audience to give up their own.
    """
    here = Spectrum.objects.filter(transient=act.transient)
    spectra = here.filter(group=act.group).order_by("pk").select_for_update(of=("self",))
    changed: OwnRedshifts = {}
    for spectrum in spectra:
        own = spectrum.stated_redshift
        before, after = (own, None) if wanted is None else wanted.get(str(spectrum.pk), (own, own))
        if own != before or own == after:
            continue
        spectrum.stated_redshift = after
        spectrum.save(update_fields=["stated_redshift"])
        detail = {"redshift": [own, after]}
        SpectrumAct.objects.create(spectrum=spectrum, group=act.group, user=act.user, kind=ActKind.FACTS, detail=detail)
        changed[str(spectrum.pk)] = (own, after)
    if changed:
        sides = [{pk: values[side] for pk, values in changed.items()} for side in (0, 1)]
        act.detail = {**act.detail, "own_redshifts": sides}
    classify_again(here.filter(Q(stated_redshift__isnull=True) | Q(pk__in=changed)))


def undoing(act: TransientAct) -> OwnRedshifts:
    """Return how redshifts of spectra change when an act is undone."""
    before, after = act.detail.get("own_redshifts", ({}, {}))
    return {pk: (after[pk], before[pk]) for pk in before}
