"""The file that is stored for a spectrum of a SkyPortal: the one that was uploaded there, where it can be used."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection

from classifier.readers import Reading
from tests.fakes.skyportal import TOKEN, FakeSkyPortal
from tests.fakes.skyportal_rounds import connect, run
from triage.intake.submit import Given, submit_spectrum
from triage.models import RemoteSpectrum, SkyPortalImport, SkyPortalInstance, Spectrum
from triage.services.skyportal import originals

pytestmark = pytest.mark.django_db


def stored() -> list[bytes]:
    """Return the bytes of the stored files, in the order of the spectra."""
    return [bytes(spectrum.original.content) for spectrum in Spectrum.objects.order_by("id")]


def is_table(content: bytes) -> bool:
    """Return whether a file is the table that the desk writes of the server's samples."""
    return b"# SOURCE:" in content


@pytest.mark.parametrize("several", [False, True], ids=["one", "in a batch"])
def test_the_uploaded_file_is_kept_byte_for_byte(fritz: FakeSkyPortal, several: bool) -> None:
    _, content = fritz.add_uploaded("ZTF1", "# OBSERVER: Zoë\r\n")
    if several:
        fritz.add_uploaded("ZTF2")
    run(connect(fritz))
    assert stored()[0] == content
    first = Spectrum.objects.order_by("id")[0]
    assert (first.filename, first.instrument) == ("ZTF1.ascii", "SEDM")
    assert first.observed_at is not None
    assert first.observed_at.isoformat() == "2026-08-01T04:05:06+00:00"
    assert SkyPortalImport.objects.order_by("id")[0].original == first.original


def test_an_older_server_that_sends_the_file_unasked_is_understood(fritz: FakeSkyPortal) -> None:
    fritz.files_on_request = False
    _, content = fritz.add_uploaded("ZTF1")
    run(connect(fritz))
    assert stored() == [content]


@pytest.mark.parametrize(
    "changed",
    [
        {"original_file_string": None},
        {"original_file_string": "no table"},
        {"original_file_string": "5000 1\n5001 2\n" * 20},
        {"units": "Jy"},
        {"original_file_string": "\ud800"},
    ],
    ids=["none", "unreadable", "other samples", "other unit", "not unicode"],
)
def test_the_samples_are_stored_where_the_file_does_not_read_like_them(
    fritz: FakeSkyPortal, changed: dict[str, str | None]
) -> None:
    number, _ = fritz.add_uploaded("ZTF1")
    fritz.spectra[number] |= changed
    assert run(connect(fritz)).new == 1
    assert is_table(stored()[0])


def test_a_file_with_more_columns_is_kept_only_if_the_meant_ones_are_read(fritz: FakeSkyPortal) -> None:
    number, _ = fritz.add_uploaded("ZTF1")
    row = fritz.spectra[number]
    pairs = zip(row["wavelengths"], row["fluxes"], strict=True)
    row["original_file_string"] = "".join(f"{w} {2 * f + 1e-16} {f}\n" for w, f in pairs)
    run(connect(fritz))
    assert is_table(stored()[0])


def test_a_spectrum_that_was_imported_as_a_table_stays_one_until_it_changes(fritz: FakeSkyPortal) -> None:
    number, content = fritz.add_uploaded("ZTF1")
    sent = fritz.spectra[number].pop("original_file_string")
    instance = connect(fritz)
    run(instance)
    fritz.change_spectrum(number, original_file_string=sent)
    assert run(instance).unchanged == 1
    assert is_table(stored()[0])
    fritz.change_spectrum(number, instrument_name="LRIS")
    assert run(instance).changed == 1
    assert stored() == [content]


def test_a_file_that_a_user_uploaded_here_does_not_change_with_the_server(fritz: FakeSkyPortal, reviewer: User) -> None:
    number, content = fritz.add_uploaded("ZTF1")
    submit_spectrum(reviewer, content, "mine.txt", Given(transient="ZTF1"))
    run(connect(fritz))
    upload, imported = Spectrum.objects.order_by("id")
    assert (upload.filename, RemoteSpectrum.objects.get().spectrum) == ("mine.txt", imported)
    assert is_table(stored()[1])
    assert number == RemoteSpectrum.objects.get().remote_id


def test_one_file_for_two_spectra_of_a_server_stays_two_spectra(fritz: FakeSkyPortal) -> None:
    fritz.add_uploaded("ZTF1", seed=5)
    number, _ = fritz.add_uploaded("ZTF2", seed=5)
    fritz.spectra[number]["original_file_string"] = fritz.spectra[number - 1]["original_file_string"]
    assert run(connect(fritz)).new == 2
    assert [is_table(content) for content in stored()] == [False, True]
    names = Spectrum.objects.order_by("id").values_list("transient__name", flat=True)
    assert list(names) == ["ZTF1", "ZTF2"]


@pytest.mark.parametrize("as_table", [False, True])
def test_a_second_connection_to_a_server_finds_the_spectrum_of_the_first(fritz: FakeSkyPortal, as_table: bool) -> None:
    number, content = fritz.add_uploaded("ZTF1")
    sent = fritz.spectra[number]["original_file_string"]
    if as_table:
        fritz.spectra[number]["original_file_string"] = None
    run(connect(fritz))
    fritz.spectra[number]["original_file_string"] = sent
    private = SkyPortalInstance(name="Fritz of A", url=fritz.url, group=Group.objects.create(name="A"))
    private.token = TOKEN
    private.save()
    run(private)
    assert Spectrum.objects.count() == 1
    assert is_table(stored()[0]) is as_table
    assert as_table or stored() == [content]


def test_whether_a_file_holds_the_samples_is_found_out_before_the_transaction(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, content = fritz.add_uploaded("ZTF1")
    outside, depths, read = len(connection.savepoint_ids), [], originals.read_spectrum

    def noting(*given: Any) -> Reading:
        depths.append(len(connection.savepoint_ids))
        return read(*given)

    monkeypatch.setattr(originals, "read_spectrum", noting)
    run(connect(fritz))
    assert depths == [outside, outside]
    assert stored() == [content]
