"""Names, redshifts and classifications that come in from SkyPortal with a spectrum."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User

from tests.factories import spectrum_file
from tests.fakes.skyportal import PRIVATE, TOKEN, FakeSkyPortal
from tests.fakes.skyportal_rounds import connect, other_names, run
from triage.inference import worker
from triage.intake.facts import correct_transient
from triage.intake.submit import Given, submit_spectrum
from triage.models import (
    RemoteClassification,
    SkyPortalInstance,
    Spectrum,
    Transient,
)

pytestmark = pytest.mark.django_db


def test_classifications_of_a_source_on_the_server_are_stored(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF26aaa")
    fritz.classify("ZTF26aaa", "Tidal Disruption Event", probability=0.9)
    instance = connect(fritz, only_unclassified=False)
    run(instance)
    row = RemoteClassification.objects.get()
    assert (row.class_name, row.probability, row.machine, row.author) == ("TDE", 0.9, False, "somebody")
    fritz.classify("ZTF26aaa", "Ia")
    run(instance)
    assert set(RemoteClassification.objects.values_list("class_name", flat=True)) == {"TDE", "SN Ia"}


def test_a_redshift_that_comes_later_reaches_the_transient_and_its_spectra(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    run(instance)
    worker.process_backlog()
    fritz.sources["ZTF26aaa"] |= {"redshift": 0.05, "modified": fritz.now()}
    run(instance)
    assert Transient.objects.get().redshift == 0.05
    worker.process_backlog()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.05  # type: ignore[union-attr]


def test_a_reviewers_redshift_is_not_overwritten(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    Transient.objects.create(name="ZTF26aaa", redshift=0.0, redshift_origin="reviewer")
    fritz.sources["ZTF26aaa"]["redshift"] = 0.05
    run(instance)
    assert Transient.objects.get().redshift == 0.0


def test_spectra_and_redshifts_imported_for_a_group_are_private(
    fritz: FakeSkyPortal, make_user: Callable[..., User]
) -> None:
    fritz.tokens = {TOKEN: {PRIVATE}}
    alice, bob = make_user("alice", "a"), make_user("bob")
    fritz.add_source("ZTF26own", (PRIVATE,), redshift=0.07)
    fritz.add_spectrum("ZTF26own", (PRIVATE,))
    instance = connect(fritz, group=Group.objects.get(name="a"))
    run(instance)
    assert Spectrum.objects.visible_to(alice).count() == 1
    assert not Spectrum.objects.visible_to(bob).exists()
    assert not Transient.objects.visible_to(bob).exists()
    assert (Transient.objects.get().ra, Transient.objects.get().redshift) == (120.5, 0.07)
    worker.process_backlog()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.07  # type: ignore[union-attr]
    fritz.sources["ZTF26own"] |= {"redshift": 0.08, "modified": fritz.now()}
    run(instance)
    worker.process_backlog()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.08  # type: ignore[union-attr]
    assert Transient.objects.get().redshift == 0.08


def test_metadata_imported_for_a_group_is_not_written_to_the_public_record(
    fritz: FakeSkyPortal, make_user: Callable[..., User]
) -> None:
    fritz.tokens = {TOKEN: {PRIVATE}}
    make_user("alice", "a")
    submit_spectrum(make_user("bob"), spectrum_file(), "public.txt", Given(transient="ZTF26shared"))
    fritz.add_source("ZTF26shared", (PRIVATE,), redshift=0.07, alias=["SECRET"])
    fritz.add_spectrum("ZTF26shared", (PRIVATE,))
    run(connect(fritz, group=Group.objects.get(name="a")))
    transient = Transient.objects.get()
    assert (transient.ra, transient.redshift) == (None, None)
    assert other_names(transient) == {("SECRET", "a")}


def test_a_source_joins_the_transient_that_the_desk_knows_by_its_tns_name(fritz: FakeSkyPortal, reviewer: User) -> None:
    submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="SN2026abc"))
    fritz.add_source("ZTF26aaa", tns_name="SN 2026abc", redshift=0.031)
    fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    run(instance)
    transient = Transient.objects.get()
    assert (transient.name, transient.spectra.count(), transient.redshift) == ("SN2026abc", 2, 0.031)
    assert other_names(transient) == {("SN 2026abc", None), ("ZTF26aaa", None)}
    # Changes on the server reach the transient under its name in the desk.
    fritz.sources["ZTF26aaa"] |= {"redshift": 0.05, "modified": fritz.now()}
    run(instance)
    assert Transient.objects.get().redshift == 0.05


def test_two_sources_with_one_tns_name_stay_separate_transients(fritz: FakeSkyPortal) -> None:
    for name, redshift in (("ZTF26aaa", 0.01), ("ATLAS26bbb", 0.02)):
        fritz.add_source(name, tns_name="SN 2026abc", redshift=redshift)
        fritz.add_spectrum(name)
    run(connect(fritz))
    known = Transient.objects.order_by("name").values_list("name", "redshift")
    assert list(known) == [("ATLAS26bbb", 0.02), ("ZTF26aaa", 0.01)]


def test_a_private_transient_of_one_group_is_left_alone_by_the_connection_of_another(
    fritz: FakeSkyPortal, make_user: Callable[..., User]
) -> None:
    fritz.tokens = {TOKEN: {PRIVATE}}
    alice, bob = make_user("alice", "a"), make_user("bob", "b")
    own, foreign = Group.objects.get(name="a"), Group.objects.get(name="b")
    fritz.add_spectrum("ZTF26one", (PRIVATE,))
    run(connect(fritz, group=own))
    given = Given(transient="ZTF26abc", redshift=0.1, group=own)
    transient = submit_spectrum(alice, spectrum_file(), "a.txt", given).spectrum.transient
    assert transient is not None
    correct_transient(alice, transient, {"host": "NGC 1"})
    fritz.add_spectrum("ZTF26abc", (PRIVATE,))
    SkyPortalInstance.objects.update(name="Fritz of a")
    run(connect(fritz, group=foreign))
    transient.refresh_from_db()
    assert (transient.group, transient.redshift, transient.host) == (own, 0.1, "NGC 1")
    assert not Transient.objects.visible_to(bob).filter(pk=transient.pk).exists()
    assert Transient.objects.visible_to(bob).filter(name="ZTF26abc (2)").exists()
