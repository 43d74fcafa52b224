"""SkyPortal's spectra come in: each once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.conftest import spectrum_file
from tests.fakes.skyportal import PRIVATE, PUBLIC, TOKEN, FakeSkyPortal, stamp
from triage import inference
from triage.intake import Given, submit_spectrum
from triage.models import (
    RemoteClassification,
    RemoteSpectrum,
    RunState,
    SkyPortalImport,
    SkyPortalInstance,
    SkyPortalRun,
    Spectrum,
    SpectrumState,
    Transient,
)
from triage.skyportal import sync

pytestmark = pytest.mark.django_db


def connect(server: FakeSkyPortal, group: Group | None = None, **fields: Any) -> SkyPortalInstance:
    instance = SkyPortalInstance(name=f"Fritz {server.url}", url=server.url, group=group, **fields)
    instance.token = TOKEN
    instance.save()
    return instance


def run(instance: SkyPortalInstance, **options: Any) -> SkyPortalRun:
    instance.refresh_from_db()
    done = sync.sync(instance, **options)
    assert done is not None
    return done


def other_names(transient: Transient) -> set[tuple[str, str | None]]:
    """Each with the group that knows it."""
    return set(transient.other_names.values_list("name", "group__name"))


def each_once(server: FakeSkyPortal, instance: SkyPortalInstance) -> bool:
    """Every spectrum of a source that the token sees is in the desk, and none twice."""
    visible = sorted(n for n, row in server.spectra.items() if PUBLIC in row["groups"] and row["type"] == "source")
    imported = RemoteSpectrum.objects.filter(instance=instance, spectrum__isnull=False)
    ids = sorted(imported.values_list("remote_id", flat=True))
    return ids == visible and Spectrum.objects.count() == len(visible) == imported.values("spectrum").distinct().count()


def test_a_spectrum_comes_in_with_its_source(fritz: FakeSkyPortal) -> None:
    details = {"redshift": 0.031, "redshift_error": 0.001, "redshift_origin": "host", "alias": ["ATLAS26abc"]}
    fritz.add_source("ZTF26aaa", tns_name="SN 2026abc", **details)
    number = fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    done = run(instance)
    assert (done.state, done.full, done.listed, done.new, done.fetched) == (RunState.DONE, True, 1, 1, 1)
    spectrum = Spectrum.objects.get()
    assert spectrum.observed_at == datetime(2026, 8, 1, 4, 5, 6, tzinfo=UTC)
    assert spectrum.instrument == "SEDM"
    transient = Transient.objects.get()
    assert (transient.name, transient.ra, transient.dec) == ("ZTF26aaa", 120.5, -12.25)
    assert (transient.redshift, transient.redshift_error, transient.redshift_origin) == (
        0.031,
        0.001,
        "skyportal: host",
    )
    assert other_names(transient) == {("ATLAS26abc", None), ("SN 2026abc", None)}
    assert SkyPortalImport.objects.get().remote_id == number
    inference.process_queue()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.031  # type: ignore[union-attr]


def test_the_token_is_not_in_the_database_in_clear(fritz: FakeSkyPortal) -> None:
    instance = connect(fritz)
    assert TOKEN not in instance.encrypted_token
    assert SkyPortalInstance.objects.get().token == TOKEN


def test_a_token_under_another_key_is_a_failed_run_that_says_so(fritz: FakeSkyPortal, settings: Settings) -> None:
    instance = connect(fritz)
    settings.TOKEN_ENCRYPTION_KEY = "another"
    done = run(instance)
    assert done.state == RunState.FAILED
    assert "decrypted" in done.message


def test_a_second_run_fetches_nothing_again(fritz: FakeSkyPortal) -> None:
    for i in range(5):
        fritz.add_spectrum(f"ZTF{i}")
    instance = connect(fritz)
    run(instance)
    asked = fritz.count("GET", "/api/spectra/")
    again = run(instance)
    assert (again.full, again.new, again.unchanged, again.fetched) == (False, 0, 5, 0)
    assert fritz.count("GET", "/api/spectra/") == asked
    assert each_once(fritz, instance)


def test_a_version_that_a_group_sees_first_does_not_go_into_the_public_record(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26aaa")
    public = connect(fritz)
    run(public)
    group = Group.objects.create(name="A")
    private = SkyPortalInstance(name="Fritz of A", url=fritz.url, group=group)
    private.token = TOKEN
    private.save()
    run(private)
    assert Spectrum.objects.get().group is None
    fritz.change_spectrum(number, fluxes=[2 * f + 1e-17 for f in fritz.spectra[number]["fluxes"]])
    assert run(private).changed == 1
    assert Spectrum.objects.get(group=None).reading == 1
    assert Spectrum.objects.get(group=group).reading == 1
    assert run(public).changed == 1
    assert Spectrum.objects.get(group=None).reading == 2


def test_a_changed_spectrum_replaces_the_earlier_version_and_is_classified_again(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    run(instance)
    inference.process_queue()
    fritz.change_spectrum(number, fluxes=[2 * f + 1e-17 for f in fritz.spectra[number]["fluxes"]])
    done = run(instance)
    assert (done.new, done.changed) == (0, 1)
    spectrum = Spectrum.objects.get()
    assert (spectrum.reading, spectrum.state, spectrum.current_prediction) == (2, SpectrumState.QUEUED, None)
    assert SkyPortalImport.objects.count() == 2
    fritz.change_spectrum(number, label="only a label")
    assert run(instance).unchanged == 1
    assert Spectrum.objects.get().reading == 2


def test_a_spectrum_shared_late_is_found_by_the_full_listing(fritz: FakeSkyPortal) -> None:
    old = stamp(datetime.now(UTC) - timedelta(days=90))
    number = fritz.add_spectrum("ZTF26old", (PRIVATE,), modified=old)
    fritz.add_spectrum("ZTF26new")
    instance = connect(fritz)
    run(instance)
    fritz.share(number, PUBLIC)
    assert run(instance).new == 0
    SkyPortalInstance.objects.update(reconciled_at=timezone.now() - timedelta(hours=25))
    done = run(instance)
    assert (done.full, done.new) == (True, 1)
    assert each_once(fritz, instance)


def test_a_commit_that_comes_late_with_an_earlier_time_is_within_the_overlap(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    run(instance)
    fritz.add_spectrum("ZTF26bbb", modified=stamp(datetime.now(UTC) - timedelta(minutes=40)))
    assert run(instance).new == 1


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_server_whose_clock_is_wrong_loses_nothing(fritz: FakeSkyPortal, hours: int) -> None:
    fritz.skew = timedelta(hours=hours)
    instance = connect(fritz)
    for i in range(3):
        fritz.add_spectrum(f"ZTF{i}")
        run(instance)
    assert each_once(fritz, instance)


def test_of_hosts_and_of_classified_sources_nothing_is_imported(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF26host", type="host_center")
    fritz.add_spectrum("ZTF26done")
    fritz.classify("ZTF26done", "Ia")
    fritz.add_spectrum("ZTF26machine")
    fritz.classify("ZTF26machine", "Ia", ml=True)
    instance = connect(fritz)
    done = run(instance)
    assert done.skipped == {"type_host_center": 1, "classified_there": 1}
    assert list(Transient.objects.values_list("name", flat=True)) == ["ZTF26machine"]
    fritz.classifications = {n: row for n, row in fritz.classifications.items() if row["ml"]}
    assert run(instance, full=True).new == 1


def test_what_people_say_of_a_source_there_is_kept(fritz: FakeSkyPortal) -> None:
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
    inference.process_queue()
    fritz.sources["ZTF26aaa"] |= {"redshift": 0.05, "modified": fritz.now()}
    run(instance)
    assert Transient.objects.get().redshift == 0.05
    inference.process_queue()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.05  # type: ignore[union-attr]


def test_a_reviewers_redshift_is_not_overwritten(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    Transient.objects.create(name="ZTF26aaa", redshift=0.0, redshift_origin="reviewer")
    fritz.sources["ZTF26aaa"]["redshift"] = 0.05
    run(instance)
    assert Transient.objects.get().redshift == 0.0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"fluxes": [1.0, 2.0]}, "length_mismatch"),
        ({"wavelengths": None}, "no_samples"),
        ({"fluxes": []}, "no_samples"),
        ({"wavelengths": [5000.0, 5001.0], "fluxes": [1.0, None]}, "no_table"),
    ],
)
def test_a_spectrum_that_makes_no_sense_is_skipped_and_said_so(
    fritz: FakeSkyPortal, fields: dict[str, Any], reason: str
) -> None:
    fritz.add_spectrum("ZTF26odd", **fields)
    fritz.add_spectrum("ZTF26good")
    done = run(connect(fritz))
    assert done.state == RunState.DONE
    assert (done.new, done.skipped) == (1, {reason: 1})
    assert done.problems[0]["name"] == "ZTF26odd"


def test_nulls_and_errors_of_another_length_are_survived(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26aaa", errors=[1e-17, None], observed_at=None, instrument_name=None, units=None)
    fritz.spectra[number]["fluxes"][10] = None
    fritz.spectra[number]["wavelengths"][20] = None
    fritz.sources["ZTF26aaa"] |= {"ra": None, "dec": "12.5", "redshift": "abc", "alias": "one name"}
    assert run(connect(fritz)).new == 1
    spectrum = Spectrum.objects.get()
    assert (spectrum.observed_at, spectrum.instrument) == (None, "")
    assert spectrum.receipt["dropped"] == {"not finite": 1}
    assert spectrum.transient is not None
    assert (spectrum.transient.ra, spectrum.transient.dec, spectrum.transient.redshift) == (None, 12.5, None)


def test_a_spectrum_that_vanishes_between_listing_and_fetching_is_skipped(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26aaa")
    original = fritz._list_spectra
    fritz._list_spectra = lambda query, groups: [dict(r, id=r["id"] + 1) for r in original(query, groups)]  # type: ignore[method-assign]
    done = run(connect(fritz))
    assert done.skipped == {"not_visible": 1}
    assert number in fritz.spectra


def test_a_spectrum_that_is_not_listed_any_more_is_marked_and_kept(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    run(instance)
    del fritz.spectra[number]
    assert run(instance, full=True).gone == 1
    assert RemoteSpectrum.objects.get().gone_at is not None
    assert Spectrum.objects.count() == 1


def test_a_groups_spectra_are_its_own_and_so_is_the_redshift(
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
    assert (Transient.objects.get().ra, Transient.objects.get().redshift) == (120.5, None)
    inference.process_queue()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.07  # type: ignore[union-attr]
    fritz.sources["ZTF26own"] |= {"redshift": 0.08, "modified": fritz.now()}
    run(instance)
    inference.process_queue()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.08  # type: ignore[union-attr]


def test_what_a_group_learns_is_not_written_where_others_look(
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
    # What changes on the server is followed under the desk's name.
    fritz.sources["ZTF26aaa"] |= {"redshift": 0.05, "modified": fritz.now()}
    run(instance)
    assert Transient.objects.get().redshift == 0.05


def test_two_sources_of_one_tns_name_do_not_fight_over_a_transient(fritz: FakeSkyPortal) -> None:
    for name, redshift in (("ZTF26aaa", 0.01), ("ATLAS26bbb", 0.02)):
        fritz.add_source(name, tns_name="SN 2026abc", redshift=redshift)
        fritz.add_spectrum(name)
    run(connect(fritz))
    known = Transient.objects.order_by("name").values_list("name", "redshift")
    assert list(known) == [("ATLAS26bbb", 0.02), ("ZTF26aaa", 0.01)]


def test_only_the_groups_asked_for_are_fetched(fritz: FakeSkyPortal) -> None:
    fritz.tokens = {TOKEN: {PUBLIC, PRIVATE, 3}}
    for number, group in enumerate((PUBLIC, PRIVATE, 3)):
        fritz.add_spectrum(f"ZTF{number}", (group,))
    run(connect(fritz, remote_groups=[PRIVATE, 3]))
    assert set(Transient.objects.values_list("name", flat=True)) == {"ZTF1", "ZTF2"}


def test_the_command_says_what_it_did_and_a_dry_run_does_nothing(fritz: FakeSkyPortal) -> None:
    with pytest.raises(CommandError, match="no such SkyPortal"):
        call_command("sync_skyportal")
    fritz.add_spectrum("ZTF26aaa")
    fritz.add_spectrum("ZTF26host", type="host")
    connect(fritz)
    said = StringIO()
    call_command("sync_skyportal", dry_run=True, stdout=said)
    assert "2 listed, 1 not of a transient, 1 new, 0 changed" in said.getvalue()
    assert not RemoteSpectrum.objects.exists()
    call_command("sync_skyportal", stdout=said)
    assert "2 listed, 1 new, 0 changed, 0 unchanged, 1 skipped (type_host 1), 0 errors" in said.getvalue()
    call_command("sync_skyportal", since=datetime.now(UTC) + timedelta(days=1), stdout=said)
    assert "0 listed" in said.getvalue()
    fritz.tokens = {}
    with pytest.raises(CommandError, match="not finished"):
        call_command("sync_skyportal", stdout=said, stderr=said)
