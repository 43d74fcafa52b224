"""Number of requests that a sync needs, because a SkyPortal answers five a second."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from tests.fakes.skyportal import FakeSkyPortal, stamp
from tests.fakes.skyportal_rounds import connect, each_once, run
from triage.models import RemoteSource, RemoteSpectrum, RunState, Spectrum
from triage.services.skyportal import fetching

pytestmark = pytest.mark.django_db


def said(fritz: FakeSkyPortal, spectra: int, before: int = 0) -> float:
    """Print and return the number of requests a spectrum."""
    each = (len(fritz.requests) - before) / spectra
    print(f"{len(fritz.requests) - before} requests for {spectra} new spectra: {each:.2f} each")
    return each


def test_a_new_spectrum_of_a_new_source_costs_little_more_than_its_light_curve(fritz: FakeSkyPortal) -> None:
    for number in range(60):
        fritz.add_spectrum(f"ZTF{number}")
    instance = connect(fritz, only_unclassified=True)
    run(instance)
    assert said(fritz, Spectrum.objects.count()) <= 1.3
    assert fritz.count("GET", "/api/sources?") == fritz.count("GET", "/api/classification") == 1
    assert fritz.count("GET", "/api/spectra/") == 0
    assert fritz.count("GET", "/api/sources/") == 60
    assert RemoteSource.objects.filter(classified=True, photometry_at__isnull=False).count() == 60
    assert each_once(fritz, instance)
    before = len(fritz.requests)
    run(instance)
    assert len(fritz.requests) - before == 3


def test_new_spectra_of_sources_that_were_saved_earlier_cost_no_more(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTFfirst")
    for number in range(30):
        fritz.add_source(f"ZTF{number}", redshift=0.01)
    instance = connect(fritz, only_unclassified=True)
    run(instance)
    for source in fritz.sources.values():
        source["modified"] = source["created_at"] = "2026-01-01T00:00:00"
    fritz.classify("ZTF7", "Ia", created_at="2026-02-02T00:00:00")
    for number in range(30):
        fritz.add_spectrum(f"ZTF{number}")
    before = len(fritz.requests)
    done = run(instance)
    assert (done.new, done.skipped) == (29, {"classified_there": 1})
    assert said(fritz, 29, before) <= 1.3
    assert {row.stated["redshift"] for row in RemoteSource.objects.exclude(name="ZTFfirst")} == {0.01}


def test_a_server_that_refuses_to_list_the_sources_of_new_spectra_is_asked_for_each(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    fritz.add_spectrum("ZTFfirst")
    for number in range(3):
        fritz.add_source(f"ZTF{number}")
    instance, listed = connect(fritz), fritz._list_sources
    run(instance)
    for number in range(3):
        fritz.sources[f"ZTF{number}"]["modified"] = "2026-01-01T00:00:00"
        fritz.add_spectrum(f"ZTF{number}")

    def picky(query: dict[str, str], groups: set[int]) -> Any:
        if "hasSpectrumAfter" in query:
            raise fritz._error(400, "Invalid parameters: hasSpectrumAfter")
        return listed(query, groups)

    monkeypatch.setattr(fritz, "_list_sources", picky)
    before = fritz.count("GET", "/api/sources/")
    done = run(instance)
    assert (done.state, done.new) == (RunState.DONE, 3)
    assert fritz.count("GET", "/api/sources/") - before == 3 * 2


def test_a_server_that_does_not_send_many_spectra_at_once_is_asked_for_each(fritz: FakeSkyPortal) -> None:
    fritz.most_whole = 1
    for number in range(4):
        fritz.add_spectrum(f"ZTF{number}")
    instance = connect(fritz)
    assert run(instance).new == 4
    assert fritz.count("GET", "/api/spectra/") == 4
    assert each_once(fritz, instance)


def test_spectra_that_all_changed_at_one_moment_are_asked_for_one_by_one(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_LISTED", 5)
    moment = stamp(timezone.now())
    for number in range(6):
        fritz.add_spectrum(f"ZTF{number}", modified=moment)
    instance = connect(fritz)
    assert run(instance).new == 6
    assert fritz.count("GET", "/api/spectra/") == 6


def test_only_spectra_that_are_due_are_asked_for_with_the_batch(fritz: FakeSkyPortal) -> None:
    for number in range(3):
        fritz.add_spectrum(f"ZTF{number}")
    instance = connect(fritz)
    run(instance)
    RemoteSpectrum.objects.update(state="imported")
    fritz.change_spectrum(2, observed_at="2026-08-02T00:00:00")
    done = run(instance)
    assert (done.changed, done.fetched) == (1, 1)
    assert fritz.count("GET", "/api/spectra/2") == 1
