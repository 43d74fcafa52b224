"""The best matching template beside the spectrum."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from classifier.checkpoint import SHIPPED
from tests.web.test_pages import classify_all, send
from triage.arrays import unpack
from triage.models import CheckpointFile, Spectrum
from triage.template_spectra import TEMPLATES, overlay

pytestmark = pytest.mark.django_db


@pytest.fixture
def spectrum(reviewer: User) -> Any:
    send(reviewer, "T0")
    classify_all()
    return Spectrum.objects.select_related("current_prediction__checkpoint", "arrays").get()


def drawn(spectrum: Any, factor: float = 1.0) -> Any:
    wavelength, flux = unpack(spectrum.arrays.wavelength), factor * unpack(spectrum.arrays.flux)
    return overlay(spectrum.current_prediction, wavelength, flux, at_rest=False)


def test_template_and_spectrum_rise_and_fall_together(spectrum: Any) -> None:
    found = drawn(spectrum)
    both = np.isfinite(found.spectrum) & np.isfinite(found.template)
    assert both.sum() > 80
    assert np.corrcoef(found.spectrum[both], found.template[both])[0, 1] > 0.5
    assert found.wavelength[0] >= spectrum.wavelength_min - 10
    assert found.wavelength[-1] <= spectrum.wavelength_max + 10


@pytest.mark.parametrize("factor", [1e-17, -1.0, 0.0])
def test_flux_of_any_size_and_sign_is_drawn(spectrum: Any, factor: float) -> None:
    assert np.isfinite(drawn(spectrum, factor).spectrum).sum() > 80


def test_a_prediction_of_another_checkpoint_has_no_template(spectrum: Any) -> None:
    spectrum.current_prediction.checkpoint.hash = "0" * 64
    assert drawn(spectrum) is None


def test_templates_of_a_promoted_checkpoint_come_from_the_database(spectrum: Any) -> None:
    text = (SHIPPED / "checkpoint.json").read_bytes() + b"\n"
    checkpoint = spectrum.current_prediction.checkpoint
    checkpoint.hash = hashlib.sha256(text).hexdigest()
    for name, content in (("checkpoint.json", text), (TEMPLATES, (SHIPPED / TEMPLATES).read_bytes())):
        CheckpointFile.objects.create(checkpoint=checkpoint, name=name, content=content)
    assert np.isfinite(drawn(spectrum).template).sum() > 80


def test_the_panel_comes_only_when_asked_for(client: Client, reviewer: User, spectrum: Any) -> None:
    client.force_login(reviewer)
    address = reverse("plot", args=["T0"])
    assert "template: " not in client.get(address).content.decode()
    answer = client.get(address, {"template": "1"})
    assert "template: " in answer.content.decode()
    assert len(answer.content) < 150_000


def test_the_web_server_loads_no_pytorch() -> None:
    code = "import django; django.setup(); import triage.urls, sys; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
