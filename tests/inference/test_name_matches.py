"""Named matches beside a prediction: computed by the worker, drawn on the page, kept with a decision."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from classifier.library.importers import import_library
from classifier.library.library import Library
from classifier.library.measure import measure
from classifier.taxonomy import load_taxonomy
from tests.factories import observe, spectrum_file
from tests.spectrum_files import text
from triage.inference import backlog, missing_matches, name_matches, worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import NamedMatches, OtherName, Prediction, Spectrum, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.views.network_answer import keyed_classes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Return a library of simulated supernovae: three objects of each of two kinds, three ages each."""
    folder = tmp_path_factory.mktemp("named")
    rows = ["file,name,type,phase,redshift"]
    for kind, class_name in (("Ia-norm", "SN Ia"), ("IIP", "SN II")):
        for number in range(3):
            for age in (0, 10, 20):
                seen = observe(class_name, seed=100 * number + age)
                name = f"{kind}{number}_{age}.txt"
                (folder / name).write_bytes(text(np.asarray(seen.wavelength), np.asarray(seen.flux)))
                rows.append(f"{name},SN {kind} {number},{kind},{age},{0.05 if seen.frame != 'rest' else 0}")
    (folder / "library.csv").write_text("\n".join(rows))
    return measure(import_library([folder], load_taxonomy())[0])


@pytest.fixture
def library(named: Library, settings: Settings, tmp_path: Path) -> Path:
    """Install the library in this desk."""
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    named.save(settings.SPECTRUM_LIBRARY)
    return settings.SPECTRUM_LIBRARY


def classified(user: User, seed: int = 7) -> Spectrum:
    spectrum = submit_spectrum(user, spectrum_file(seed=seed), "a.txt", Given(transient=f"SN{seed}", redshift=0.05))
    worker.process_backlog()
    return Spectrum.objects.get(pk=spectrum.spectrum.pk)


def test_without_a_library_a_desk_works_as_before(reviewer: User, settings: Settings, tmp_path: Path) -> None:
    settings.SPECTRUM_LIBRARY = tmp_path / "none"
    assert classified(reviewer).current_prediction is not None
    assert not NamedMatches.objects.exists()
    with pytest.raises(CommandError, match="there is no library"):
        call_command("name_matches")


def test_the_worker_names_what_a_spectrum_looks_like(reviewer: User, library: Path) -> None:
    spectrum = classified(reviewer)
    found = NamedMatches.objects.get(prediction=spectrum.current_prediction)
    assert 0 < len(found.matches) <= 5
    best = found.matches[0]
    assert set(best) == {"name", "type", "class", "phase", "redshift", "score", "spectrum", "vetted"}
    assert best["redshift"] == pytest.approx(0.05, abs=0.006)
    assert [match["score"] for match in found.matches] == sorted((m["score"] for m in found.matches), reverse=True)


@pytest.mark.parametrize("known_to", ["everybody", "the group of the spectrum", "another group"])
def test_a_transient_is_not_compared_with_itself_where_its_readers_know_the_name(
    reviewer: User, library: Path, client: Client, known_to: str
) -> None:
    ours, theirs = (Group.objects.create(name=name) for name in ("ours", "theirs"))
    reviewer.groups.add(ours)
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="X", redshift=0.05, group=ours))
    group = {"everybody": None, "the group of the spectrum": ours, "another group": theirs}[known_to]
    OtherName.objects.create(transient=Transient.objects.get(), group=group, name="sn_ia-norm 1")
    worker.process_backlog()
    found = NamedMatches.objects.get(prediction__spectrum=spectrum.spectrum)
    apart = known_to != "another group"
    assert found.left_out == ("SN Ia-norm 1" if apart else "")
    assert ("SN Ia-norm 1" in {match["name"] for match in found.matches}) is not apart
    client.force_login(reviewer)
    page = client.get(reverse("review", args=["X"])).content.decode()
    assert ("SN Ia-norm 1 of the library is this transient" in page) is apart


def test_a_match_that_turns_out_to_be_the_transient_is_marked(reviewer: User, library: Path, client: Client) -> None:
    classified(reviewer)
    client.force_login(reviewer)
    assert "this transient</small>" not in client.get(reverse("review", args=["SN7"])).content.decode()
    best = NamedMatches.objects.get().matches[0]["name"]
    OtherName.objects.create(transient=Transient.objects.get(), name=best.replace(" ", "_").lower())
    assert client.get(reverse("review", args=["SN7"])).content.decode().count("this transient</small>") == 1


def test_a_broken_library_costs_no_prediction(reviewer: User, library: Path) -> None:
    library.write_bytes(b"broken")
    assert classified(reviewer).current_prediction is not None
    assert not NamedMatches.objects.exists()


def test_spectra_from_before_the_library_are_named_by_a_command(
    reviewer: User, named: Library, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    classified(reviewer)
    named.save(settings.SPECTRUM_LIBRARY)
    call_command("name_matches")
    assert "1 of 1 spectra were compared with 18 named ones" in capsys.readouterr().out
    call_command("name_matches")
    assert "0 of 0" in capsys.readouterr().out
    assert Prediction.objects.get().named_matches.matches


def test_the_page_lists_the_matches_and_draws_the_one_that_is_chosen(
    reviewer: User, library: Path, client: Client
) -> None:
    spectrum = classified(reviewer)
    client.force_login(reviewer)
    page = client.get(reverse("review", args=["SN7"])).content.decode()
    found = NamedMatches.objects.get()
    assert "Looks like" in page
    assert f'data-named="{len(found.matches)}"' in page
    assert all(match["name"] in page for match in found.matches)
    drawn = client.get(reverse("plot", args=["SN7"]), {"spectrum": spectrum.pk, "template": 2}).content.decode()
    assert f"{found.matches[0]['name']} ({found.matches[0]['type']})" in drawn
    beyond = client.get(reverse("plot", args=["SN7"]), {"spectrum": spectrum.pk, "template": 99})
    assert beyond.status_code == 200


def test_the_queue_shows_the_phase_beside_the_class(reviewer: User, library: Path, client: Client) -> None:
    classified(reviewer)
    client.force_login(reviewer)
    NamedMatches.objects.update(phase=6.2, phase_error=2.6)
    assert "+6 ± 3 d" in client.get(reverse("queue")).content.decode()
    NamedMatches.objects.update(phase=None, phase_error=None)
    assert "± " not in client.get(reverse("queue")).content.decode().split('class="row-class"')[1].split("row-z")[0]
    NamedMatches.objects.all().delete()
    assert client.get(reverse("queue")).status_code == 200


def test_the_api_gives_the_matches_with_the_prediction(
    reviewer: User, library: Path, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for seed in (7, 8, 9):
        classified(reviewer, seed)
    client.force_login(reviewer)
    with django_assert_max_num_queries(8):
        rows = client.get("/api/v1/spectra/").json()["results"]
    assert len(rows) == 3
    for row in rows:
        named = row["prediction"]["named_matches"]
        assert {"matches", "left_out", "trust", "phase", "phase_error", "library"} == set(named)


def test_a_decision_keeps_what_the_library_said_for_the_export(reviewer: User, library: Path, client: Client) -> None:
    spectrum = classified(reviewer)
    prediction = spectrum.current_prediction
    assert prediction is not None
    NamedMatches.objects.update(phase=6.0, phase_error=2.5)
    named = NamedMatches.objects.get()
    transient = Transient.objects.get()
    record_decision(reviewer, transient, Proposal("override", class_name="Nova"))
    client.force_login(reviewer)
    (row,) = client.get("/api/v1/classifications/").json()["results"]
    best = f"{named.matches[0]['name']} ({named.matches[0]['type']})"
    # The phase belongs to the predicted class, which the reviewer did not take.
    assert (row["looks_like"], row["phase"]) == (best, None)
    record_decision(reviewer, transient, Proposal("override", class_name=prediction.class_name))
    (row,) = client.get("/api/v1/classifications/").json()["results"]
    assert (row["looks_like"], row["phase"], row["phase_error"]) == (best, 6.0, 2.5)


@pytest.mark.parametrize(
    ("types", "offered"),
    [
        (("Ia-91bg", "Ia-91bg", "Ia-norm", "Ia-91bg", "Ia-norm"), "SN Ia-91bg"),
        (("Ia-91bg", "Ia-norm", "Ia-norm", "Ia-91bg", "Ia-pec"), None),
        (("IIP", "IIP", "IIP", "IIL", "IIP"), "SN IIP"),
        (("Ia-norm",) * 5, None),
        (("something new",) * 5, None),
    ],
)
def test_a_subtype_that_most_matches_have_is_offered_with_a_key(types: tuple[str, ...], offered: str | None) -> None:
    prediction = Prediction(class_name="SN Ia", probabilities={"SN Ia": 0.9, "SN Ib": 0.1})
    prediction.named_matches = NamedMatches(matches=[{"type": kind} for kind in types])
    assert {choice.name for choice in keyed_classes(prediction) if choice.key == 0} == ({offered} if offered else set())


def test_matches_that_a_worker_did_not_live_to_make_are_filled_in(
    reviewer: User, named: Library, settings: Settings, tmp_path: Path
) -> None:
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    assert missing_matches.fill(60) == 0
    prediction = classified(reviewer).current_prediction
    named.save(settings.SPECTRUM_LIBRARY)
    assert missing_matches.fill(60) == 1
    assert NamedMatches.objects.get().prediction == prediction
    assert missing_matches.fill(60) == 0


def test_another_library_makes_the_matches_anew(reviewer: User, library: Path, named: Library) -> None:
    classified(reviewer)
    before = NamedMatches.objects.get()
    dataclasses.replace(named, trust={}).save(library)
    assert missing_matches.fill(60) == 1
    after = NamedMatches.objects.get()
    assert after.library != before.library
    assert after.matches == before.matches
    assert (after.trust, after.phase) == (None, None)


def test_filling_in_waits_for_the_network_and_for_its_time(
    reviewer: User, named: Library, settings: Settings, tmp_path: Path
) -> None:
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    classified(reviewer)
    named.save(settings.SPECTRUM_LIBRARY)
    submit_spectrum(reviewer, spectrum_file(seed=8), "b.txt", Given(transient="SN8", redshift=0.05))
    assert missing_matches.fill(60, stopping=backlog.waits) == 0
    assert missing_matches.fill(-1) == 0
    worker.process_backlog()
    # The worker named the second one itself.
    assert missing_matches.fill(60, stopping=backlog.waits) == 1


def test_a_long_list_is_looked_through_part_by_part(
    reviewer: User, named: Library, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    spectra = [classified(reviewer, seed) for seed in (7, 8, 9, 10)]
    named.save(settings.SPECTRUM_LIBRARY)
    monkeypatch.setattr(missing_matches, "WINDOW", 1)
    monkeypatch.setattr(missing_matches, "_looked_through", None)
    newest_first = [spectrum.current_prediction_id for spectrum in reversed(spectra)]
    for number in range(1, 5):
        assert missing_matches.fill(60) == 1
        assert set(NamedMatches.objects.values_list("prediction", flat=True)) == set(newest_first[:number])
    # From the end on, it begins anew.
    NamedMatches.objects.filter(prediction=newest_first[2]).delete()
    assert sum(missing_matches.fill(60) for _ in range(4)) == 1


def test_a_spectrum_that_breaks_the_comparison_costs_the_others_nothing_and_is_not_tried_again(
    reviewer: User, named: Library, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    spectra = [classified(reviewer, seed) for seed in (7, 8, 9)]
    named.save(settings.SPECTRUM_LIBRARY)
    bad = spectra[1].current_prediction
    assert bad is not None
    phase_of = name_matches.phase_of

    def breaking(found: object, library: Library, class_name: str, redshift: str) -> object:
        if found and class_name == bad.class_name:
            raise RuntimeError("out of memory")
        return phase_of(found, library, class_name, redshift)  # type: ignore[arg-type]

    monkeypatch.setattr(name_matches, "phase_of", breaking)
    others = Prediction.objects.exclude(class_name=bad.class_name).count()
    assert missing_matches.fill(60) == 3
    assert NamedMatches.objects.exclude(matches=[]).count() == others
    assert NamedMatches.objects.get(prediction=bad).matches == []
    assert missing_matches.fill(60) == 0
