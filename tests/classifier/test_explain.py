"""Attribution marks wavelengths that matter more to the prediction than random ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from classifier.explain import answer_and_explain, contributions
from classifier.predict import Classifier
from classifier.preprocess import CHANNELS, network_input, resample
from tests.factories import observe


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(device="cpu")


def masked_probability(classifier: Classifier, x: torch.Tensor, label: int, gone: torch.Tensor) -> float:
    lost = x.clone()
    for name in ("flux", "continuum_divided", "coverage"):
        lost[0, CHANNELS.index(name), gone] = 0.0
    with torch.inference_mode():
        logits, _ = classifier.network.split(classifier.network(lost))
    return float(torch.softmax(logits, 1)[0, label])


@pytest.mark.parametrize("steps", [1, 16])
def test_masking_the_top_tenth_lowers_the_probability_more_than_masking_random_tenths(
    classifier: Classifier, steps: int
) -> None:
    grid = classifier.checkpoint.grid
    random = np.random.default_rng(0)
    top, chance = [], []
    for name, seed in (("SN Ia", 4), ("SN Ia", 8), ("SN II", 5), ("SN II", 7), ("SN IIn", 2), ("AGN", 1)):
        resampled = resample(observe(name, seed=seed), grid)
        x = network_input(
            torch.from_numpy(resampled.flux)[None],
            torch.from_numpy(resampled.covered)[None],
            torch.zeros(1),
            torch.zeros(1),
            grid,
        )
        with torch.inference_mode():
            label = int(classifier.network(x)[0, :15].argmax())
        found = contributions(classifier.network, x, label, steps)
        seen = torch.nonzero(x[0, CHANNELS.index("coverage")] > 0).squeeze(1)
        tenth = len(seen) // 10
        top.append(masked_probability(classifier, x, label, seen[found[seen].argsort(descending=True)[:tenth]]))
        draws = [seen[torch.from_numpy(random.choice(len(seen), tenth, replace=False))] for _ in range(5)]
        chance.append(np.mean([masked_probability(classifier, x, label, draw) for draw in draws]))
    assert np.mean(top) < np.mean(chance) - 0.05


def test_the_attribution_stored_with_a_prediction_marks_wavelengths_that_matter(classifier: Classifier) -> None:
    grid = classifier.checkpoint.grid
    resampled = [resample(observe(name, seed=seed), grid) for name, seed in (("SN Ia", 4), ("SN II", 5), ("SN IIn", 2))]
    flux, covered = (torch.from_numpy(np.stack([getattr(r, n) for r in resampled])) for n in ("flux", "covered"))
    x = network_input(flux, covered, torch.zeros(3), torch.zeros(3), grid)
    with torch.inference_mode():
        plain = classifier.network(x)
    labels = plain[:, :15].argmax(1)
    found = answer_and_explain(classifier.network, x, lambda logits: labels.clone())
    torch.testing.assert_close(found.output, plain, atol=1e-4, rtol=1e-4)
    assert (found.contribution.abs().amax(1) == 1).all()
    random = np.random.default_rng(0)
    top, chance = [], []
    for i in range(3):
        fine = found.contribution[i].repeat_interleave(4)
        seen = torch.nonzero(x[i, CHANNELS.index("coverage")] > 0).squeeze(1)
        tenth = len(seen) // 10
        best = seen[fine[seen].argsort(descending=True)[:tenth]]
        other = seen[torch.from_numpy(random.choice(len(seen), tenth, replace=False))]
        top.append(masked_probability(classifier, x[i : i + 1], int(labels[i]), best))
        chance.append(masked_probability(classifier, x[i : i + 1], int(labels[i]), other))
    assert np.mean(top) < np.mean(chance) - 0.05


def test_an_attribution_is_on_observed_wavelengths_and_zero_outside_the_spectrum(classifier: Classifier) -> None:
    spectrum = observe("SN Ia", seed=8, redshift=0.05)
    answer = classifier.explain(spectrum, 0.05, "SN Ia")
    outside = (answer.wavelength < spectrum.wavelength[0] - 20) | (answer.wavelength > spectrum.wavelength[-1] + 20)
    assert (answer.contribution[outside] == 0).all()
    assert np.abs(answer.contribution).max() == 1
    assert answer.wavelength[0] == pytest.approx(2000 * 1.05, rel=0.01)


def test_an_unknown_class_cannot_be_explained(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="Kilonova"):
        classifier.explain(observe(), None, "Kilonova")
