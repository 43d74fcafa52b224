"""Spectra are imported from SkyPortal once each, whatever happens on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.fakes.skyportal import PRIVATE, PUBLIC, TOKEN, FakeSkyPortal, stamp
from tests.fakes.skyportal_rounds import connect, each_once, other_names, run
from triage.inference import worker
from triage.models import (
    RemoteSpectrum,
    RunState,
    SkyPortalImport,
    SkyPortalInstance,
    Spectrum,
    SpectrumState,
    Transient,
)

pytestmark = pytest.mark.django_db


def test_a_spectrum_is_imported_with_its_source(fritz: FakeSkyPortal) -> None:
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
    worker.process_backlog()
    assert Spectrum.objects.get().current_prediction.redshift_used == 0.031  # type: ignore[union-attr]


def test_the_token_is_not_stored_as_plain_text(fritz: FakeSkyPortal) -> None:
    instance = connect(fritz)
    assert TOKEN not in instance.encrypted_token
    assert SkyPortalInstance.objects.get().token == TOKEN


def test_a_token_encrypted_with_another_key_fails_the_run_with_a_message(
    fritz: FakeSkyPortal, settings: Settings
) -> None:
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


def test_a_version_seen_first_by_a_group_is_not_written_to_the_public_record(fritz: FakeSkyPortal) -> None:
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
    worker.process_backlog()
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


def test_a_late_commit_with_an_earlier_time_is_covered_by_the_overlap(fritz: FakeSkyPortal) -> None:
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


def test_host_spectra_and_classified_sources_are_not_imported(fritz: FakeSkyPortal) -> None:
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


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"fluxes": [1.0, 2.0]}, "length_mismatch"),
        ({"wavelengths": None}, "no_samples"),
        ({"fluxes": []}, "no_samples"),
        ({"wavelengths": [5000.0, 5001.0], "fluxes": [1.0, None]}, "no_table"),
    ],
)
def test_an_invalid_spectrum_is_skipped_and_reported(fritz: FakeSkyPortal, fields: dict[str, Any], reason: str) -> None:
    fritz.add_spectrum("ZTF26odd", **fields)
    fritz.add_spectrum("ZTF26good")
    done = run(connect(fritz))
    assert done.state == RunState.DONE
    assert (done.new, done.skipped) == (1, {reason: 1})
    assert done.problems[0]["name"] == "ZTF26odd"


def test_nulls_and_errors_of_another_length_do_not_stop_the_import(fritz: FakeSkyPortal) -> None:
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


def test_a_spectrum_that_is_no_longer_listed_is_marked_and_kept(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26aaa")
    instance = connect(fritz)
    run(instance)
    del fritz.spectra[number]
    assert run(instance, full=True).gone == 1
    assert RemoteSpectrum.objects.get().gone_at is not None
    assert Spectrum.objects.count() == 1


def test_only_the_chosen_groups_are_fetched(fritz: FakeSkyPortal) -> None:
    fritz.tokens = {TOKEN: {PUBLIC, PRIVATE, 3}}
    for number, group in enumerate((PUBLIC, PRIVATE, 3)):
        fritz.add_spectrum(f"ZTF{number}", (group,))
    run(connect(fritz, remote_groups=[PRIVATE, 3]))
    assert set(Transient.objects.values_list("name", flat=True)) == {"ZTF1", "ZTF2"}


def test_the_command_reports_what_it_did_and_a_dry_run_does_nothing(fritz: FakeSkyPortal) -> None:
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
