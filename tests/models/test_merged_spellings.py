"""Transients that an audience knows by two spellings of one name are merged, and nothing of either is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, transaction

from tests.factories import classified, override, reviewed
from triage.intake import photometry
from triage.intake.facts import correct_transient
from triage.models import (
    Claim,
    ClassificationChange,
    Decision,
    OtherName,
    QueueEntry,
    Spectrum,
    SpectrumState,
    Transient,
    TransientAct,
)
from triage.queue import entries
from triage.review import claims

LIGHT_CURVE = b"mjd,filter,mag,error\n61000,r,18.1,0.1\n"


@pytest.fixture
def migrated_again(transactional_db: None) -> Iterator[None]:
    yield
    call_command("migrate", "triage", verbosity=0)


def respell(transient: Transient, name: str) -> Transient:
    """Give a transient another spelling of a known name, in the database as it was before spellings were merged."""
    call_command("migrate", "triage", "0170", verbosity=0)
    Transient.objects.filter(pk=transient.pk).update(name=name, key="")
    # It cannot be fetched: the table lacks the columns that came later.
    transient.name, transient.key = name, ""
    return transient


def test_spectra_decisions_acts_and_names_of_both_spellings_are_kept(reviewer: User, migrated_again: None) -> None:
    first, second = classified(reviewer, "SN2021zzx"), classified(reviewer, "other", seed=2)
    correct_transient(reviewer, first, {"redshift": 0.1})
    correct_transient(reviewer, second, {"redshift": 0.2, "host": "NGC 1", "ra": 1.0, "dec": 2.0})
    OtherName.objects.create(transient=second, name="ZTF21aaa")
    for transient in (first, second):
        photometry.add(reviewer, transient, LIGHT_CURVE, "a.csv", None)
    photometry.add(reviewer, second, LIGHT_CURVE + b"61001,r,18.2,0.1\n", "b.csv", None)
    taken = [override(reviewer, first, "TDE"), override(reviewer, second, "AGN")]
    claims.claim(reviewer, second)
    respell(second, "at2021zzx")

    call_command("migrate", "triage", verbosity=0)

    kept = reviewed(reviewer, "SN2021zzx")
    assert list(Transient.objects.all()) == [kept]
    assert kept.spectra.count() == 2
    assert list(kept.decisions.order_by("id")) == taken
    assert list(kept.photometry.order_by("id").values_list("filename", flat=True)) == ["a.csv", "b.csv"]
    assert set(kept.other_names.values_list("name", "group")) == {("ZTF21aaa", None), ("at2021zzx", None)}
    assert (kept.redshift, kept.host, kept.ra, kept.dec) == (0.1, "NGC 1", 1.0, 2.0)
    merging, *acts = kept.acts.all()
    assert merging.detail["redshift"] == [0.2, 0.1]
    assert len(acts) == 2
    assert (kept.standing_state, kept.standing_class) == ("done", "AGN")
    changes = ClassificationChange.objects.order_by("id").values_list("transient", "decision", "withdrawn")
    one, other = (decision.pk for decision in taken)
    assert list(changes) == [(kept.pk, one, False), (kept.pk, other, False), (kept.pk, one, True)]
    assert not Claim.objects.exists()
    # The second spectrum was classified with the other redshift.
    assert kept.spectra.get(filename="2.txt").state == SpectrumState.QUEUED


def test_the_queue_shows_a_merged_transient_as_if_it_had_always_been_one(reviewer: User, migrated_again: None) -> None:
    first, second = classified(reviewer, "SN2021zzx"), classified(reviewer, "other", seed=2)
    override(reviewer, second, "AGN")
    respell(second, "at2021zzx")
    call_command("migrate", "triage", verbosity=0)
    names = ("transient", "group", "spectrum", "state", "class_name", "classification", "shared", "waits", "arrived_at")
    migrated = list(QueueEntry.objects.values(*names))
    with transaction.atomic():
        entries.refresh(first.pk)
    assert list(QueueEntry.objects.values(*names)) == migrated
    assert Decision.objects.get().transient == first


def test_each_audience_keeps_its_own_transient_and_its_acts(reviewer: User, migrated_again: None) -> None:
    group = Group.objects.create(name="theirs")
    reviewer.groups.add(group)
    public = classified(reviewer, "SN2021zzx")
    private = respell(classified(reviewer, "secret", seed=2, group=group), "at2021zzx")
    Spectrum.objects.filter(transient=private).update(group=group)
    TransientAct.objects.create(transient=private, detail={"host": ["", "NGC 1"]})
    Transient.objects.update(group=None)
    call_command("migrate", "triage", verbosity=0)
    assert dict(Transient.objects.values_list("pk", "group")) == {public.pk: None, private.pk: group.pk}
    assert TransientAct.objects.get().group == group
    with pytest.raises(IntegrityError), transaction.atomic():
        Transient.objects.create(name="SN 2021zzx")
    Transient.objects.create(name="SN 2021zzx", group=Group.objects.create(name="others"))
