"""Attributions of predictions: stored by the worker, read by the pages. This module does not load PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from classifier.line_identification import describe
from classifier.spectrum import Array
from triage.models import Prediction, PredictionEvidence

if TYPE_CHECKING:
    from classifier.explain import PredictionAttribution

# Contributions from -1 to 1 are stored as whole numbers from -127 to 127.
_FULL = 127


def store(prediction: Prediction, attribution: PredictionAttribution) -> PredictionEvidence:
    """Store the attribution of a prediction and its embedding, and return the record."""
    return PredictionEvidence.objects.create(
        prediction=prediction,
        class_name=attribution.class_name,
        wavelength_first=float(attribution.wavelength[0]),
        wavelength_last=float(attribution.wavelength[-1]),
        contribution=np.round(np.clip(attribution.contribution, -1, 1) * _FULL).astype(np.int8).tobytes(),
        embedding=attribution.embedding.astype("<f2").tobytes(),
    )


def contribution(stored: PredictionEvidence) -> tuple[Array, Array]:
    """Return a stored attribution.

    The first array is the wavelength, (n,) Å in the frame that the spectrum came in. The second is the contribution,
    (n,) from -1, against the class, to 1, for it.
    """
    values = np.frombuffer(bytes(stored.contribution), dtype=np.int8) / _FULL
    return np.geomspace(stored.wavelength_first, stored.wavelength_last, values.size), values


def words(stored: PredictionEvidence, redshift: float | None, *, vacuum: bool) -> str:
    """Say which lines decided, as ``classifier.line_identification.describe`` does.

    stored: the attribution.
    redshift: redshift of its wavelengths, 0 in the rest frame; None if unknown, so that no line can be named.
    vacuum: whether its wavelengths are in vacuum, and not in air.
    """
    return describe(stored.class_name, *contribution(stored), redshift, vacuum=vacuum)
