"""A group's own library: what it vetted in private is compared with its own spectra, and is seen by nobody else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from classifier.library.library import Library
from tests.factories import spectrum_file
from tests.inference.test_name_matches import named  # noqa: F401
from tests.light_curves import MAXIMUM, MAXIMUM_MJD, light_curve
from triage.inference import missing_matches, name_matches, worker
from triage.inference.brightness import measure_due
from triage.intake import photometry
from triage.intake.facts import correct_spectrum
from triage.intake.reread import read_again
from triage.intake.submit import Given, submit_spectrum
from triage.models import Brightness, GroupSettings, NamedMatches, Photometry, Spectrum, Transient
from triage.review.decisions import record_decision, undo
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours(reviewer: User, named: Library, settings: Settings, tmp_path: Path) -> Group:  # noqa: F811
    """Return the reviewer's group, which has a library of its own, on a desk with a library."""
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    named.save(settings.SPECTRUM_LIBRARY)
    group = Group.objects.create(name="ours")
    reviewer.groups.add(group)
    GroupSettings.objects.create(group=group, own_library=True)
    return group


def sent(user: User, name: str, group: Group | None, seed: int = 4, **given: Any) -> Spectrum:
    """Submit a spectrum and classify it; one seed gives nearly the same spectrum each time."""
    content = spectrum_file("SN Ia", seed=seed, OBSERVER=name)
    given = {"redshift": 0.03, **given}
    spectrum = submit_spectrum(user, content, f"{name}.txt", Given(transient=name, group=group, **given)).spectrum
    worker.process_backlog()
    return Spectrum.objects.get(pk=spectrum.pk)


def vetted(user: User, name: str, group: Group | None, class_name: str = "SN Ia-91bg", **given: Any) -> Spectrum:
    spectrum = sent(user, name, group, **given)
    record_decision(user, Transient.objects.get(name=name), Proposal("override", class_name=class_name))
    return spectrum


def matched(spectrum: Spectrum) -> set[str]:
    return {match["name"] for match in NamedMatches.objects.get(prediction__spectrum=spectrum).matches}


def test_a_vetted_spectrum_is_named_for_a_further_one_of_the_group_and_drawn_over_it(
    reviewer: User, ours: Group, client: Client
) -> None:
    like = vetted(reviewer, "SECRET", ours)
    spectrum = sent(reviewer, "new", ours)
    best = NamedMatches.objects.get(prediction__spectrum=spectrum).matches[0]
    assert (best["name"], best["type"], best["class"]) == ("SECRET", "SN Ia-91bg", "SN Ia")
    assert (best["spectrum"], best["vetted"]) == (None, {"spectrum": like.pk, "redshift": 0.03})
    client.force_login(reviewer)
    page = client.get(reverse("review", args=["new"])).content.decode()
    assert "vetted here" in page
    drawn = client.get(reverse("plot", args=["new"]), {"spectrum": spectrum.pk, "template": 2}).content.decode()
    assert "SECRET (SN Ia-91bg)" in drawn


def test_what_a_group_vetted_is_never_named_for_spectra_of_others(reviewer: User, ours: Group, client: Client) -> None:
    vetted(reviewer, "SECRET", ours)
    theirs = Group.objects.create(name="theirs")
    GroupSettings.objects.create(group=theirs, own_library=True)
    reviewer.groups.add(theirs)
    other = User.objects.create_user("other")
    other.groups.add(theirs)
    senders = {"T1": (other, theirs), "T2": (other, None), "T3": (reviewer, None), "T4": (reviewer, theirs)}
    for name, (user, group) in senders.items():
        assert "SECRET" not in matched(sent(user, name, group))
    client.force_login(other)
    for name in senders:
        assert "SECRET" not in client.get(reverse("review", args=[name])).content.decode()
    assert "SECRET" not in client.get("/api/v1/spectra/").content.decode()


def test_one_who_left_the_group_cannot_draw_its_spectrum(reviewer: User, ours: Group, client: Client) -> None:
    vetted(reviewer, "SECRET", ours)
    theirs = Group.objects.create(name="theirs")
    spectrum = sent(reviewer, "new", ours)
    # Should a match ever stand where others see it, its spectrum still is not drawn.
    Spectrum.objects.filter(pk=spectrum.pk).update(group=theirs)
    other = User.objects.create_user("other")
    other.groups.add(theirs)
    client.force_login(other)
    drawn = client.get(reverse("plot", args=["new"]), {"spectrum": spectrum.pk, "template": 2}).content.decode()
    assert "SECRET" not in drawn


def test_only_what_stands_vetted_with_a_redshift_is_in_a_groups_library(reviewer: User, ours: Group) -> None:
    sent(reviewer, "waits", ours)
    vetted(reviewer, "nowhere", ours, redshift=None)
    vetted(reviewer, "public", None)
    taken_back = vetted(reviewer, "undone", ours)
    assert matched(sent(reviewer, "first", ours)) & {"waits", "nowhere", "public", "undone"} == {"undone"}
    assert taken_back.transient is not None
    undo(reviewer, taken_back.transient.decisions.get().pk)
    assert not matched(sent(reviewer, "second", ours)) & {"waits", "nowhere", "public", "undone"}


def test_a_spectrum_that_was_read_without_its_host_is_not_in_a_groups_library(reviewer: User, ours: Group) -> None:
    whole, without = vetted(reviewer, "whole", ours), vetted(reviewer, "without", ours)
    read_again(reviewer, without, {"host_light": 0.3})
    assert matched(sent(reviewer, "new", ours)) & {"whole", "without"} == {str(whole.transient)}


def phase_of_match(spectrum: Spectrum, name: str) -> float | None:
    found = NamedMatches.objects.get(prediction__spectrum=spectrum).matches
    phase: float | None = next(match["phase"] for match in found if match["name"] == name)
    return phase


def test_a_vetted_spectrum_has_the_phase_of_the_light_curve_that_its_group_sees(reviewer: User, ours: Group) -> None:
    vetted(reviewer, "SECRET", ours, observed_at=MAXIMUM + timedelta(days=11))
    assert phase_of_match(sent(reviewer, "first", ours), "SECRET") is None
    theirs = Group.objects.create(name="theirs")
    other = User.objects.create_user("other")
    other.groups.add(theirs)
    transient = Transient.objects.get(name="SECRET")
    photometry.add(other, transient, light_curve(), "theirs.csv", theirs)
    measure_due(60)
    assert phase_of_match(sent(reviewer, "second", ours), "SECRET") is None
    photometry.add(reviewer, transient, light_curve(), "ours.csv", ours)
    measure_due(60)
    assert phase_of_match(sent(reviewer, "third", ours), "SECRET") == pytest.approx(11 / 1.03, abs=0.1)
    Photometry.objects.filter(filename="ours.csv").delete()
    Brightness.objects.forget(transient.pk)
    assert phase_of_match(sent(reviewer, "fourth", ours), "SECRET") is None


def test_a_light_curve_that_tells_the_maximum_badly_gives_a_vetted_spectrum_no_phase(
    reviewer: User, ours: Group
) -> None:
    vetted(reviewer, "SECRET", ours, observed_at=MAXIMUM + timedelta(days=11))
    transient = Transient.objects.get(name="SECRET")
    nights = "\n".join(f"{MAXIMUM_MJD + day},ztfr,{18 + abs(day) / 20},0.03" for day in (-12, 0, 12))
    photometry.add(reviewer, transient, f"mjd,filter,mag,error\n{nights}".encode(), "a.csv", ours)
    measure_due(60)
    assert Brightness.objects.get().phase_error == pytest.approx(12 / 1.03, abs=0.1)
    assert phase_of_match(sent(reviewer, "new", ours), "SECRET") is None


def test_a_group_that_has_no_library_of_its_own_is_compared_with_the_desks(reviewer: User, ours: Group) -> None:
    GroupSettings.objects.update(own_library=False)
    vetted(reviewer, "SECRET", ours)
    assert "SECRET" not in matched(sent(reviewer, "new", ours))


def test_further_epochs_of_a_vetted_transient_are_not_compared_with_it(reviewer: User, ours: Group) -> None:
    vetted(reviewer, "mine", ours)
    spectrum = sent(reviewer, "mine", ours, seed=5)
    assert "mine" not in matched(spectrum)
    assert NamedMatches.objects.get(prediction__spectrum=spectrum).left_out == "mine"


def test_a_spectrum_that_everybody_may_see_now_is_compared_anew_without_what_its_group_vetted(
    reviewer: User, ours: Group, client: Client
) -> None:
    vetted(reviewer, "SECRET", ours)
    spectrum = sent(reviewer, "new", ours)
    assert "SECRET" in matched(spectrum)
    correct_spectrum(reviewer, spectrum, {"group": None})
    assert not NamedMatches.objects.filter(prediction__spectrum=spectrum).exists()
    assert missing_matches.fill(60) == 1
    assert "SECRET" not in matched(spectrum)
    client.force_login(User.objects.create_user("other"))
    assert "SECRET" not in client.get(reverse("review", args=["new"])).content.decode()


def test_matches_of_an_audience_that_changes_while_they_are_sought_are_not_stored(
    reviewer: User, ours: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    vetted(reviewer, "SECRET", ours)
    compare = name_matches._rows

    def meanwhile(*given: Any) -> list[NamedMatches]:
        Spectrum.objects.filter(filename="new.txt").update(group=None)
        return compare(*given)

    monkeypatch.setattr(name_matches, "_rows", meanwhile)
    spectrum = sent(reviewer, "new", ours)
    assert not NamedMatches.objects.filter(prediction__spectrum=spectrum).exists()
