"""The best template is drawn over the spectrum on the review page."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from torch.nn.functional import conv1d

from classifier.checkpoint_files import SHIPPED, TEMPLATES
from classifier.preprocess import continuum_divided, resample, shift_and_average
from tests.factories import classify_all, send
from triage.inference.matched_template import matched_template
from triage.inference.samples import spectrum_value
from triage.inference.worker import load_classifier
from triage.models import CheckpointFile, Spectrum
from triage.models.arrays import unpack

pytestmark = pytest.mark.django_db


@pytest.fixture
def spectrum(reviewer: User) -> Any:
    send(reviewer, "T0")
    classify_all()
    return Spectrum.objects.select_related("current_prediction__checkpoint", "arrays").get()


def drawn(spectrum: Any, factor: float = 1.0) -> Any:
    """Return the spectrum and its best template as the page draws them, with the flux multiplied by a factor."""
    wavelength, flux = unpack(spectrum.arrays.wavelength), factor * unpack(spectrum.arrays.flux)
    return matched_template(spectrum.current_prediction, wavelength, flux, at_rest=False)


def test_template_and_spectrum_rise_and_fall_together(spectrum: Any) -> None:
    found = drawn(spectrum)
    template = np.interp(found.wavelength, found.template_wavelength, found.template)
    both = np.isfinite(found.spectrum) & np.isfinite(template)
    assert both.sum() > 80
    assert np.corrcoef(found.spectrum[both], template[both])[0, 1] > 0.5
    for wavelength in (found.wavelength, found.template_wavelength):
        assert wavelength[0] >= spectrum.wavelength_min - 10
        assert wavelength[-1] <= spectrum.wavelength_max + 10


@pytest.mark.parametrize("factor", [1.0, 1e-16, -1e-3])
def test_the_template_lies_over_the_flux_in_its_own_unit(spectrum: Any, factor: float) -> None:
    found = drawn(spectrum, factor)
    flux = np.interp(found.wavelength, unpack(spectrum.arrays.wavelength), factor * unpack(spectrum.arrays.flux))
    both = np.isfinite(found.fitted)
    assert both.sum() > 80
    if factor > 0:
        # It follows the flux more closely than the continuum alone does.
        without = np.std(flux[both] - found.continuum[both])
        assert np.std(flux[both] - found.fitted[both]) < 0.95 * without
        assert np.median(found.fitted[both] / flux[both]) == pytest.approx(1, abs=0.05)


def test_the_page_draws_the_template_that_the_cross_check_matched(spectrum: Any) -> None:
    classifier = load_classifier()
    grid, match = classifier.checkpoint.grid.for_templates, spectrum.current_prediction.crosscheck
    sent = spectrum_value(spectrum, {spectrum.pk: spectrum.arrays})
    resampled = resample(sent, grid)
    # The expected values use the network's own averaging and continuum division, and the filter in full.
    values, mask = shift_and_average(
        torch.from_numpy(resampled.flux)[None], torch.from_numpy(resampled.covered).float()[None], torch.zeros(1), grid
    )
    expected = continuum_divided(values, mask, grid)
    kernel = torch.tensor([[[0.25, 0.5, 0.25]]])
    for _ in range(3):
        expected = conv1d(expected[None] * mask, kernel, padding=1)[0] / conv1d(mask[None], kernel, padding=1)[
            0
        ].clamp_min(1e-3)
        expected = expected * mask
    found = drawn(spectrum)
    seen = mask[0].numpy() > 0
    assert found.wavelength == pytest.approx(grid.grid()[seen])
    assert found.spectrum == pytest.approx(expected[0].numpy()[seen], abs=1e-5)
    number = match["template"]
    rest = grid.grid() * (1 + match["redshift"])
    inside = (rest >= sent.wavelength[0]) & (rest < sent.wavelength[-1])
    templates = classifier.checkpoint.templates
    assert found.template_wavelength == pytest.approx(rest[inside])
    whole = np.where(templates.weight[number] > 0, templates.flux[number], np.nan)
    assert found.template == pytest.approx(whole[inside], nan_ok=True)


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


def test_the_template_panel_is_sent_only_when_requested(client: Client, reviewer: User, spectrum: Any) -> None:
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
