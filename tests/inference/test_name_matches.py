"""Named matches beside a prediction: computed by the worker, drawn on the page, kept with a decision."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from classifier.host_light import HostLight
from classifier.library.library import Library
from tests.factories import spectrum_file
from tests.named_library import small_library
from triage.inference import backlog, missing_matches, name_matches, worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import NamedMatches, OtherName, Prediction, Spectrum, SpectrumArrays, Transient
from triage.models.arrays import pack, unpack
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.views.network_answer import keyed_classes

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return small_library(tmp_path_factory.mktemp("named"))


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


def test_host_light_stands_beside_the_matches_where_the_redshift_is_known(
    reviewer: User, library: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[float]] = []

    def told(spectra: Sequence[object], redshifts: Sequence[float]) -> list[HostLight | None]:
        asked.append(list(redshifts))
        return [HostLight(0.42, 0.11) for _ in spectra]

    monkeypatch.setattr(name_matches, "host_light", told)
    known = classified(reviewer)
    blind = submit_spectrum(reviewer, spectrum_file(seed=8), "b.txt", Given(transient="blind")).spectrum
    worker.process_backlog()
    rows = {row.prediction.spectrum_id: row for row in NamedMatches.objects.all()}
    assert (rows[known.pk].host_light, rows[known.pk].host_light_error) == (0.42, 0.11)
    assert (rows[blind.pk].host_light, rows[blind.pk].host_light_error) == (None, None)
    assert [z for redshifts in asked for z in redshifts] == [0.05]
    client.force_login(reviewer)
    answer = client.get(f"/api/v1/spectra/{known.pk}/").json()["prediction"]["named_matches"]
    assert (answer["host_light"], answer["host_light_error"]) == (0.42, 0.11)
    page = client.get(reverse("review", args=["SN7"])).content.decode()
    assert "42 % ± 11 %" in page
    assert "right less often" in page
    assert "Host light" not in client.get(reverse("review", args=["blind"])).content.decode()


def test_a_star_has_no_host_light(reviewer: User, library: Path) -> None:
    spectrum = submit_spectrum(
        reviewer, spectrum_file("Star", redshift=0.0), "a.txt", Given(transient="S", redshift=0.0)
    ).spectrum
    worker.process_backlog()
    found = NamedMatches.objects.get(prediction__spectrum=spectrum)
    assert found.prediction.class_name == "Star"
    assert found.host_light is None


def test_a_flux_that_was_divided_by_the_continuum_has_no_host_light(reviewer: User, library: Path) -> None:
    normalised = Given(transient="N", redshift=0.05, corrections={"flux_kind": "normalised"})
    submit_spectrum(reviewer, spectrum_file(seed=7), "a.txt", normalised)
    classified(reviewer, seed=8)
    shares = dict(NamedMatches.objects.values_list("prediction__spectrum__transient__name", "host_light"))
    assert shares["N"] is None
    assert shares["SN8"] is not None


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
    assert all(f'<td class="num">{match["redshift"]:.3f}</td>' in page for match in found.matches)
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


def test_the_librarys_phase_is_told_only_for_the_networks_class(reviewer: User, library: Path, client: Client) -> None:
    classified(reviewer)
    client.force_login(reviewer)
    NamedMatches.objects.update(phase=15.2, phase_error=11.0)
    named = Prediction.objects.get().class_name
    page = client.get(reverse("review", args=["SN7"])).content.decode()
    assert f"If {named}: +15 ± 11 d from maximum, by the library’s {named}" in page
    queue = client.get(reverse("queue")).content.decode()
    assert "if so +15 ± 11 d" in queue
    assert f"days from maximum if it is {named}" in queue


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("SLSN-I", "SN II", "SN II", "SN II", "SLSN-I"), "The 5 best matches are SLSN-I and SN II, not SN Ia."),
        (("SLSN-I", "SN II", "", "SN Ia", "SN Ia"), "The 3 best matches are SLSN-I, SN II and Odd, not SN Ia."),
        (("SLSN-I", "SN Ia", "SN II", "SN II", "SN II"), "The best match is SLSN-I, not SN Ia."),
        (("SN Ia", "SN II", "SN II", "SN II", "SN II"), None),
    ],
)
def test_best_matches_of_another_class_than_the_networks_are_said_to_be_so(
    reviewer: User, library: Path, client: Client, classes: tuple[str, ...], words: str | None
) -> None:
    classified(reviewer)
    assert Prediction.objects.get().class_name == "SN Ia"
    found = NamedMatches.objects.get()
    best = found.matches[0]
    found.matches = [{**best, "class": name, "type": name or "Odd"} for name in classes]
    found.save()
    client.force_login(reviewer)
    page = client.get(reverse("review", args=["SN7"])).content.decode()
    assert (words in page) if words else ("not SN Ia" not in page)


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
        assert {
            "matches",
            "left_out",
            "trust",
            "phase",
            "phase_error",
            "host_light",
            "host_light_error",
            "library",
        } == set(named)


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


def test_a_spectrum_with_unusable_samples_is_tried_once(
    reviewer: User, named: Library, settings: Settings, tmp_path: Path
) -> None:
    settings.SPECTRUM_LIBRARY = tmp_path / "library.safetensors"
    good, bad = classified(reviewer, 7), classified(reviewer, 8)
    named.save(settings.SPECTRUM_LIBRARY)
    arrays = SpectrumArrays.objects.get(spectrum=bad)
    arrays.flux = pack(np.nan * unpack(arrays.flux))
    arrays.save()
    assert missing_matches.fill(60) == 2
    assert NamedMatches.objects.get(prediction=bad.current_prediction).matches == []
    assert NamedMatches.objects.get(prediction=good.current_prediction).matches != []
    assert missing_matches.fill(60) == 0
