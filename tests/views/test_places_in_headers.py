"""Coordinates in the header of a file are offered for its transient, and taken by one press."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import spectrum_file
from triage.intake.submit import Given, submit_spectrum
from triage.models import Transient

pytestmark = pytest.mark.django_db


def test_the_place_in_a_header_is_offered_until_the_transient_has_one(reviewer: User, client: Client) -> None:
    content = spectrum_file(RA="12:30:00", DEC="-12:30:00")
    spectrum = submit_spectrum(reviewer, content, "a.txt", Given(transient="AT2026x")).spectrum
    page = reverse("transient-facts", args=["AT2026x"])
    client.force_login(reviewer)
    assert "12:30:00.000 -12:30:00.00" in client.get(page).content.decode()
    assert Transient.objects.get().ra is None
    taken = client.post(reverse("take-place", args=["AT2026x"]), {"spectrum": spectrum.pk}, follow=True)
    assert "Coordinates in the files" not in taken.content.decode()
    transient = Transient.objects.get()
    assert (transient.ra, transient.dec) == (187.5, -12.5)
    assert transient.acts.get().user == reviewer


def test_a_file_without_coordinates_changes_nothing(reviewer: User, client: Client) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="AT2026x")).spectrum
    address = reverse("take-place", args=["AT2026x"])
    client.force_login(reviewer)
    answer = client.post(address, {"spectrum": spectrum.pk}, follow=True)
    assert "Not corrected" in answer.content.decode()
    assert Transient.objects.get().ra is None
