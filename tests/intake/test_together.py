"""Files that are sent together are stored in one transaction, with what each would have got alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from classifier.same_measurement import same_measurement
from classifier.spectrum import Array
from tests.at_once import at_once, needs_threads
from tests.factories import spectrum_file
from tests.spectrum_files import text, zipped
from triage.errors import BoundSpectrumError
from triage.intake import duplicates, new_files, records, submit
from triage.intake.duplicates import DuplicateSearch
from triage.intake.naming import ReadPart
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.submit import Given, SentFile, Submission, in_chunks, submit_files, submit_spectrum, taken
from triage.models import Original, Spectrum, Transient

pytestmark = pytest.mark.django_db


def sent(seed: int, name: str = "", group: Group | None = None) -> SentFile:
    return SentFile(spectrum_file(seed=seed), f"{seed}.txt", Given(transient=name or f"T{seed}", group=group))


def send_all(user: User, files: Sequence[SentFile]) -> list[Submission]:
    return [taken(outcome) for outcome in submit_files(user, files)]


def statements_of(user: User, files: Sequence[SentFile]) -> int:
    with CaptureQueriesContext(connection) as queries:
        send_all(user, files)
    return len(queries)


def test_the_number_of_statements_does_not_grow_with_the_number_of_files(reviewer: User) -> None:
    few = statements_of(reviewer, [sent(seed) for seed in range(2)])
    assert statements_of(reviewer, [sent(seed) for seed in range(10, 20)]) == few


def test_several_spellings_of_a_new_name_make_one_transient(reviewer: User) -> None:
    names = ["SN2021zzx", "at2021zzx", "SN 2021ZZX", "SN2021zzy"]
    send_all(reviewer, [sent(seed, name) for seed, name in enumerate(names)])
    assert {one.name: one.spectra.count() for one in Transient.objects.all()} == {"SN2021zzx": 3, "SN2021zzy": 1}


def test_the_exact_name_counts_before_another_spelling(make_user: Callable[..., User]) -> None:
    member = make_user("ada", "ours")
    group = member.groups.get()
    submit_spectrum(member, spectrum_file(seed=1), "a.txt", Given(transient="SN2021zzx"))
    private = Transient.objects.create(name="AT 2021zzx", group=group)
    first, second = send_all(member, [sent(2, "AT 2021zzx", group), sent(3, "sn2021ZZX", group)])
    assert first.spectrum.transient == private
    assert str(second.spectrum.transient) == "SN2021zzx"


def test_a_copy_of_a_file_among_them_is_known_and_its_statements_count(reviewer: User) -> None:
    copy = SentFile(spectrum_file(seed=1), "copy.txt", Given(transient="T1", redshift=0.03))
    first, again, other = send_all(reviewer, [sent(1), copy, sent(2)])
    assert (first.created, again.created, other.created) == (True, False, True)
    assert again.spectrum.pk == first.spectrum.pk
    assert Spectrum.objects.get(pk=first.spectrum.pk).stated_redshift == 0.03


def test_a_second_file_with_the_same_samples_is_marked_as_a_likely_duplicate(reviewer: User) -> None:
    content = spectrum_file(seed=1)
    files = [SentFile(b"# copy %d\n" % number + content, f"{number}.txt", Given()) for number in range(3)]
    first, *copies = send_all(reviewer, [*files, sent(2)])
    stored = Spectrum.objects.in_bulk()
    assert stored[first.spectrum.pk].likely_duplicate_of is None
    marked = [stored[copy.spectrum.pk] for copy in copies]
    assert [copy.likely_duplicate_of_id for copy in marked] == [first.spectrum.pk, first.spectrum.pk, None]
    assert marked[0].receipt["warnings"][-1]["code"] == "likely_duplicate"


def archive(seed: int, spectra: int) -> SentFile:
    """Return an archive of exposures of one object, which differ by their noise alone."""
    return SentFile(zipped({f"{n}.txt": text(*exposure(seed + n)) for n in range(spectra)}), f"{seed}.zip", Given())


def exposure(seed: int) -> tuple[Array, Array]:
    wavelength = np.linspace(3800, 9200, 900)
    return wavelength, 2 + np.sin(wavelength / 200) + np.random.default_rng(seed).normal(0, 0.05, 900)


def test_the_number_of_statements_does_not_grow_with_the_number_of_alike_spectra(reviewer: User) -> None:
    few = statements_of(reviewer, [archive(0, 2)])
    Spectrum.objects.all().delete()
    assert statements_of(reviewer, [archive(100, 12)]) == few


@pytest.fixture
def compared_within(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each comparison of two spectra, whether it took place within a transaction."""
    within: list[bool] = []

    def compare(first: Any, second: Any) -> bool:
        within.append(connection.in_atomic_block)
        return same_measurement(first, second)

    monkeypatch.setattr(duplicates, "same_measurement", compare)
    return within


@pytest.mark.django_db(transaction=True)
def test_alike_spectra_are_compared_before_the_others_have_to_wait(reviewer: User, compared_within: list[bool]) -> None:
    submit_files(reviewer, [archive(0, 3)])
    submit_files(reviewer, [archive(100, 3)])
    assert compared_within == [False] * (3 + 3 * 3 + 3)


@pytest.mark.django_db(transaction=True)
def test_what_others_store_meanwhile_is_compared_before_the_next_try(
    reviewer: User, compared_within: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = text(*exposure(1))
    rivals = iter([SentFile(b"# sent meanwhile\n" + content, "rival.txt", Given())])

    def prepare(parts: Sequence[ReadPart]) -> DuplicateSearch:
        search = records.prepare_parts(parts)
        submit_files(reviewer, list(itertools.islice(rivals, 1)))
        return search

    monkeypatch.setattr(new_files, "prepare_parts", prepare)
    monkeypatch.setattr(new_files, "FEW", 0)
    (sent,) = send_all(reviewer, [SentFile(content, "own.txt", Given())])
    assert Spectrum.objects.get(filename="own.txt").likely_duplicate_of == Spectrum.objects.get(filename="rival.txt")
    assert sent.spectrum.receipt["warnings"][-1]["code"] == "likely_duplicate"
    assert compared_within == [False]


def test_an_unreadable_file_among_them_is_in_quarantine_and_the_others_are_stored(reviewer: User) -> None:
    bad = SentFile(b"no numbers here", "notes.txt", Given(transient="T9"))
    one, failed, empty, two = submit_files(reviewer, [sent(1), bad, SentFile(b"", "empty.txt", Given()), sent(2)])
    assert isinstance(failed, UnreadableSpectrumError)
    assert failed.spectrum.receipt["transient"] == "T9"
    assert (taken(one).created, getattr(empty, "code", ""), taken(two).created) == (True, "invalid_upload", True)
    assert Original.objects.count() == 3


def test_a_file_that_is_refused_when_it_is_stored_costs_the_others_nothing(
    reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = new_files.store_parts

    def store(parts: Sequence[ReadPart], duplicates: DuplicateSearch) -> None:
        original(parts, duplicates)
        if any(part.spectrum.filename == "2.txt" for part in parts):
            raise BoundSpectrumError("not beside this transient")

    monkeypatch.setattr(new_files, "store_parts", store)
    one, refused, three = submit_files(reviewer, [sent(1), sent(2), sent(3)])
    assert (taken(one).created, taken(three).created) == (True, True)
    assert isinstance(refused, BoundSpectrumError)
    assert set(Spectrum.objects.values_list("filename", flat=True)) == {"1.txt", "3.txt"}
    assert Original.objects.count() == Transient.objects.count() == 2


def test_every_spectrum_of_an_archive_among_them_is_stored(reviewer: User) -> None:
    bundle = zipped({f"sn2009i{letter}.txt": spectrum_file(seed=ord(letter)) for letter in "pqr"})
    archive, single = send_all(reviewer, [SentFile(bundle, "night.zip", Given()), sent(1)])
    assert [str(one.transient) for one in (archive.spectrum, *archive.others)] == ["SN2009ip", "SN2009iq", "SN2009ir"]
    assert single.others == []


def test_a_redshift_stated_with_a_public_file_is_stored_with_its_new_transient(reviewer: User) -> None:
    files = [
        SentFile(spectrum_file(seed=seed), f"{seed}.txt", Given(transient=f"T{seed}", redshift=z, ra=ra, dec=0.0))
        for seed, z, ra in ((1, 0.1, 10.0), (2, 0.2, 20.0))
    ]
    submit_files(reviewer, files)
    assert list(Transient.objects.order_by("name").values_list("name", "redshift", "ra")) == [
        ("T1", 0.1, 10.0),
        ("T2", 0.2, 20.0),
    ]


def test_chunks_are_bounded_by_files_and_bytes_and_a_large_file_comes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "CHUNK_FILES", 3)
    monkeypatch.setattr(submit, "CHUNK_BYTES", 100)
    sizes = [10, 10, 10, 10, 95, 500, 40, 60, 1]
    assert list(in_chunks((size, size) for size in sizes)) == [[10, 10, 10], [10], [95], [500], [40, 60], [1]]


@needs_threads
@pytest.mark.django_db(transaction=True)
def test_batches_with_the_same_files_and_transients_in_opposite_order_do_not_wait_for_each_other(
    reviewer: User, caplog: pytest.LogCaptureFixture
) -> None:
    known = [sent(seed, f"T{seed}") for seed in range(4)]
    send_all(reviewer, known)
    shared = [sent(seed + 10) for seed in range(4)]
    own = [[sent(100 * who + seed, f"{kind}{seed % 4}") for seed, kind in enumerate("TTTTNNNN")] for who in (1, 2, 3)]
    batches = [[*own[0], *shared], [*reversed(own[1]), *reversed(shared)], [*shared, *reversed(own[2])]]
    results = at_once([partial(submit_files, reviewer, files) for files in batches])
    assert [type(outcome) for outcomes in results for outcome in outcomes] == [Submission] * 36
    assert "deadlock" not in caplog.text
    assert Spectrum.objects.count() == 4 + 4 + 24
    assert sorted(Transient.objects.values_list("name", flat=True)) == sorted(
        [f"T{n}" for n in range(4)] + [f"N{n}" for n in range(4)] + [f"T{n}" for n in range(10, 14)]
    )
