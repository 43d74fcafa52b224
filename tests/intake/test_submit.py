"""Uploads: what is stored, what is refused, and who sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Group, User

from tests.factories import spectrum_file
from tests.spectrum_files import zipped
from triage import celery_app
from triage.errors import InvalidUploadError, TooLargeError
from triage.export.originals import original_file
from triage.intake import reread, submit
from triage.intake.facts import correct_spectrum
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.submit import Given, submit_spectrum
from triage.models import Original, Spectrum, SpectrumState, Transient
from triage.models.arrays import unpack

pytestmark = pytest.mark.django_db


def test_an_upload_stores_the_original_bytes_and_the_arrays(reviewer: User) -> None:
    content = spectrum_file(OBJECT="ZTF26aa")
    submission = submit_spectrum(reviewer, content, "a.txt")
    spectrum = Spectrum.objects.get()
    assert submission.created
    assert bytes(spectrum.original.content) == content
    assert spectrum.state == SpectrumState.QUEUED
    assert spectrum.transient is not None
    assert spectrum.transient.name == "ZTF26aa"
    rows = np.loadtxt(content.decode().splitlines())
    np.testing.assert_allclose(unpack(spectrum.arrays.wavelength), rows[:, 0], rtol=1e-6)
    np.testing.assert_allclose(unpack(spectrum.arrays.flux), rows[:, 1], rtol=1e-6)


def test_the_same_file_sent_again_returns_the_first_record(reviewer: User) -> None:
    first = submit_spectrum(reviewer, spectrum_file(), "a.txt")
    second = submit_spectrum(reviewer, spectrum_file(), "renamed.txt")
    assert (second.created, second.spectrum.pk) == (False, first.spectrum.pk)


def test_another_groups_copy_of_a_file_is_not_revealed(make_user: Callable[..., User]) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob", "b")
    mine = submit_spectrum(alice, spectrum_file(), "a.txt", Given(group=alice.groups.get()))
    theirs = submit_spectrum(bob, spectrum_file(), "a.txt", Given(group=bob.groups.get()))
    assert theirs.created
    assert theirs.spectrum.pk != mine.spectrum.pk
    assert Original.objects.count() == 1


def test_a_user_cannot_upload_into_another_group(reviewer: User) -> None:
    group = Group.objects.create(name="others")
    with pytest.raises(InvalidUploadError, match="not a member"):
        submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(group=group))


def test_an_unreadable_file_is_kept_with_the_reason(reviewer: User) -> None:
    for _ in range(2):
        with pytest.raises(UnreadableSpectrumError) as caught:
            submit_spectrum(reviewer, b"no spectrum at all", "notes.txt")
    spectrum = Spectrum.objects.get()
    assert caught.value.code == spectrum.failure_code == "no_table"
    assert spectrum.state == SpectrumState.QUARANTINED
    assert bytes(spectrum.original.content) == b"no spectrum at all"
    assert spectrum.transient is None


def test_an_unknown_date_and_redshift_stay_unknown(reviewer: User) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="X")).spectrum
    assert spectrum.observed_at is spectrum.stated_redshift is None
    assert spectrum.transient is not None
    assert spectrum.transient.redshift is None


def test_a_redshift_of_zero_counts_as_known(reviewer: User) -> None:
    given = Given(transient="X", redshift=0.0)
    spectrum = submit_spectrum(reviewer, spectrum_file("Star", redshift=0.0), "a.txt", given).spectrum
    assert spectrum.stated_redshift == 0.0
    assert spectrum.transient is not None
    assert spectrum.transient.redshift == 0.0


def test_a_redshift_sent_privately_does_not_reach_a_shared_transient(make_user: Callable[..., User]) -> None:
    public, alice = make_user("public"), make_user("alice", "a")
    submit_spectrum(public, spectrum_file(seed=1), "a.txt", Given(transient="X"))
    given = Given(transient="X", redshift=0.1, group=alice.groups.get())
    spectrum = submit_spectrum(alice, spectrum_file(seed=2), "b.txt", given).spectrum
    assert Transient.objects.get().redshift is None
    assert spectrum.stated_redshift == 0.1


def test_a_header_redshift_stays_in_the_receipt(reviewer: User) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(REDSHIFT="0.7"), "a.txt").spectrum
    assert spectrum.receipt["metadata"]["redshift"] == 0.7
    assert spectrum.stated_redshift is None


@pytest.mark.parametrize(
    "given",
    [Given(redshift=float("nan")), Given(redshift=-2.0), Given(transient="a/b"), Given(corrections={"colour": "red"})],
)
def test_invalid_metadata_is_refused_and_nothing_is_stored(reviewer: User, given: Given) -> None:
    with pytest.raises(InvalidUploadError):
        submit_spectrum(reviewer, spectrum_file(), "a.txt", given)
    assert not Original.objects.exists()


def test_a_file_over_the_limit_is_refused(reviewer: User, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    with pytest.raises(TooLargeError):
        submit_spectrum(reviewer, spectrum_file(), "a.txt")


def test_an_upload_succeeds_while_the_broker_is_down(
    reviewer: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(celery_app, "send_task", refuse)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        submit_spectrum(reviewer, spectrum_file(), "a.txt")
    assert len(callbacks) == 1
    assert Spectrum.objects.get().state == SpectrumState.QUEUED


def test_a_correction_reads_the_original_again(reviewer: User) -> None:
    content = b"\n".join(b"%.3f %.4f" % (w / 10, 2 + np.sin(w / 50)) for w in np.linspace(4000, 9000, 400))
    spectrum = submit_spectrum(reviewer, content, "a.txt", Given(corrections={"wavelength_unit": "angstrom"})).spectrum
    assert spectrum.wavelength_max == pytest.approx(900)
    again = reread.read_again(reviewer, spectrum, {"wavelength_unit": "nm"})
    assert again.wavelength_max == pytest.approx(9000)
    assert (again.reading, again.state) == (2, SpectrumState.QUEUED)
    assert again.receipt["corrections"] == {"wavelength_unit": "nm"}


def test_a_failed_correction_leaves_the_reading_as_it_was(reviewer: User) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt").spectrum
    with pytest.raises(UnreadableSpectrumError):
        reread.read_again(reviewer, spectrum, {"flux_column": 40})
    assert Spectrum.objects.get().reading == 1


def test_a_redshift_sent_later_with_the_same_file_is_used(reviewer: User) -> None:
    content = spectrum_file()
    first = submit.submit_spectrum(reviewer, content, "a.txt", Given(transient="X")).spectrum
    again = submit.submit_spectrum(reviewer, content, "a.txt", Given(redshift=0.03, transient="Other"))
    assert again.spectrum.pk == first.pk
    assert again.spectrum.stated_redshift == 0.03
    assert again.spectrum.state == SpectrumState.QUEUED
    assert [note.split(" was")[0] for note in again.notes if "not used" in note] == ["the name"]
    third = submit.submit_spectrum(reviewer, content, "a.txt", Given(redshift=0.05))
    assert third.spectrum.stated_redshift == 0.03
    assert "not used" in third.notes[0]
    assert third.differences == {"redshift": (0.03, 0.05)}


def test_metadata_of_a_spectrum_is_not_changed_by_other_users(reviewer: User, make_user: Callable[..., User]) -> None:
    content = spectrum_file()
    submit.submit_spectrum(reviewer, content, "a.txt")
    answer = submit.submit_spectrum(make_user("other"), content, "a.txt", Given(redshift=0.03))
    assert answer.spectrum.stated_redshift is None
    assert "not used" in answer.notes[0]


@pytest.mark.parametrize("name", [" .txt", "..txt", ".", "\u200b.dat"])
def test_a_file_with_any_name_is_stored(reviewer: User, name: str) -> None:
    assert submit.submit_spectrum(reviewer, spectrum_file(), name).spectrum.transient is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/..", "...", " ", ". ."])
def test_a_file_whose_name_shows_nothing_is_listed_as_unnamed(reviewer: User, name: str) -> None:
    spectrum = submit.submit_spectrum(reviewer, spectrum_file(), name).spectrum
    assert spectrum.filename == "unnamed"
    assert original_file(spectrum).headers["Content-Disposition"] == 'attachment; filename="unnamed"'


def test_each_file_of_an_archive_gets_its_own_transient(reviewer: User) -> None:
    names = {"CSS140421-142042+031_20140428_Gr11.txt": "CSS140421-142042+031", "a/sn2009ip.txt": "SN2009ip"}
    bundle = zipped({name: spectrum_file(seed=number) for number, name in enumerate(names)})
    submission = submit_spectrum(reviewer, bundle, "night.zip")
    stored = [submission.spectrum, *submission.others]
    assert [spectrum.transient.name for spectrum in stored] == list(names.values())
    assert [spectrum.file_label for spectrum in stored] == [
        "night.zip: CSS140421-142042+031_20140428_Gr11.txt",
        "night.zip: a/sn2009ip.txt",
    ]


def test_a_transient_is_the_same_whatever_the_prefix_of_its_designation(reviewer: User) -> None:
    names = ["AT2026abc", "2026abc", "SN 2026abc", "SN2026abc"]
    for name in names:
        submit_spectrum(reviewer, spectrum_file(OBJECT=name), f"{name}.txt")
    assert [(t.name, t.spectra.count()) for t in Transient.objects.all()] == [("AT2026abc", len(names))]


@pytest.mark.parametrize("name", ["SN2026abd", "AT2026ab", "ZTF26abc", "2026zz"])
def test_different_designations_are_different_transients(reviewer: User, name: str) -> None:
    for each in ("AT2026abc", name):
        submit_spectrum(reviewer, spectrum_file(OBJECT=each), f"{each}.txt")
    assert set(Transient.objects.values_list("name", flat=True)) == {"AT2026abc", name}


def facts_of(name: str) -> tuple[float | None, ...]:
    transient = Transient.objects.get(name=name)
    return transient.redshift, transient.ra, transient.dec


def test_facts_sent_with_a_private_spectrum_are_those_of_a_transient_that_its_group_alone_knows(
    make_user: Callable[..., User],
) -> None:
    owner, stranger, public = make_user("owner", "A"), make_user("stranger", "B"), make_user("public")
    given = Given(transient="X", redshift=0.0437, ra=150.1, dec=2.2, group=owner.groups.get())
    spectrum = submit.submit_spectrum(owner, spectrum_file(seed=1), "a.txt", given).spectrum
    assert facts_of("X") == (0.0437, 150.1, 2.2)
    theirs = Given(transient="X", redshift=0.2, ra=1.0, dec=1.0, group=stranger.groups.get())
    submit.submit_spectrum(stranger, spectrum_file(seed=2), "b.txt", theirs)
    assert facts_of("X") == (0.0437, 150.1, 2.2)
    assert facts_of("X (2)") == (0.2, 1.0, 1.0)
    submit.submit_spectrum(public, spectrum_file(seed=3), "c.txt", Given(transient="X"))
    assert facts_of("X") == (None, None, None)
    spectrum.refresh_from_db()
    assert spectrum.stated_redshift == 0.0437


def test_a_private_spectrum_that_is_shown_to_everybody_brings_its_facts(make_user: Callable[..., User]) -> None:
    owner = make_user("owner", "A")
    given = Given(transient="X", redshift=0.0437, ra=150.1, dec=2.2, group=owner.groups.get())
    spectrum = submit.submit_spectrum(owner, spectrum_file(), "a.txt", given).spectrum
    correct_spectrum(owner, spectrum, {"group": None})
    assert facts_of("X") == (0.0437, 150.1, 2.2)


def test_a_redshift_sent_for_a_group_does_not_go_into_a_public_record(make_user: Callable[..., User]) -> None:
    owner = make_user("owner", "A")
    submit.submit_spectrum(owner, spectrum_file(), "a.txt", Given(transient="X"))
    answer = submit.submit_spectrum(owner, spectrum_file(), "a.txt", Given(redshift=0.1, group=owner.groups.get()))
    assert (answer.spectrum.stated_redshift, answer.spectrum.transient.redshift) == (None, None)
    assert "everybody" in answer.notes[0]


def test_a_quarantined_file_sent_again_with_a_correction_is_read(reviewer: User) -> None:
    content = "\n".join(f"{0.4 + 0.0002 * i:.5f} {1 + 0.1 * (i % 7)}" for i in range(900)).encode()
    corrections = {"wavelength_unit": "um"}
    spectrum = submit.submit_spectrum(reviewer, content, "a.txt", Given(corrections=corrections)).spectrum
    assert spectrum.wavelength_min == pytest.approx(4000, abs=5)
    bad = b"# flux only\n" + b"\n".join(str(i).encode() for i in range(50))
    for _ in range(2):
        with pytest.raises(UnreadableSpectrumError):
            submit.submit_spectrum(reviewer, bad, "b.txt", Given(transient="Y", corrections=corrections))
    assert Spectrum.objects.filter(state=SpectrumState.QUARANTINED).count() == 1


def test_a_known_file_sent_with_other_facts_lists_the_differences_and_changes_nothing(reviewer: User) -> None:
    content = spectrum_file()
    submit_spectrum(reviewer, content, "a.txt", Given(transient="SN2026abc", instrument="SEDM", comment="thin cirrus"))
    sent = Given(transient="at2026abc", instrument="LRIS", comment="clear")
    again = submit_spectrum(reviewer, content, "a.txt", sent)
    assert again.differences == {"instrument": ("SEDM", "LRIS"), "comment": ("thin cirrus", "clear")}
    other = submit_spectrum(reviewer, content, "a.txt", Given(transient="SN2026xyz"))
    assert other.differences == {"transient": ("SN2026abc", "SN2026xyz")}
    stored = Spectrum.objects.select_related("transient").get()
    assert (str(stored.transient), stored.instrument, stored.comment) == ("SN2026abc", "SEDM", "thin cirrus")
