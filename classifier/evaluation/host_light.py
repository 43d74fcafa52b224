"""Accuracy before and after the host's light is taken off, on blends of transients and galaxies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.checkpoint import Checkpoint
from classifier.host_light import host_light, shipped
from classifier.host_spectrum import GRID, host_flux, without_host
from classifier.network import SpectraNet
from classifier.resampling import resample
from classifier.spectrum import Spectrum
from classifier.training.dataset import LabelledSpectra
from classifier.training.host_light import (
    LEFT_OUT,
    SHARES,
    Light,
    Rows,
    blended_rows,
    clean_rows,
    galaxies_of,
    measured_rows,
    transients_of,
)
from classifier.training.inference import infer_both
from classifier.wilson import wilson

Right = NDArray[np.bool_]


def accuracy_without_host(data: LabelledSpectra, checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """Return the accuracy before and after the told share of each blend was taken off, for each share of the host.

    data: labelled spectra of the training, on the fine grid of the checkpoint.

    Transients and galaxies are those of the fold that the network of host light left out. The checkpoint's member that
    left out the same fold classifies them at their known redshift.
    """
    random = np.random.default_rng(1)
    transients, galaxies = transients_of(data, checkpoint.taxonomy), galaxies_of(data, checkpoint)
    rows = measured_rows(transients, clean_rows(shipped(), transients), random)
    hosts = np.flatnonzero(galaxies.fold == LEFT_OUT)
    figures = []
    for share in (0.0, *SHARES):
        blends = _blends(transients, rows, galaxies, random.choice(hosts, len(rows)), share)
        found = host_light(blends, transients.redshift[rows].tolist())
        # The galaxy may cover too little for a share to be told.
        used = [number for number, light in enumerate(found) if light]
        spectra, redshifts = [blends[number] for number in used], transients.redshift[rows[used]].tolist()
        told = np.array([light.share for light in found if light])
        right = [
            _right(checkpoint, made, redshifts, transients.labels[rows[used]])
            for made in (
                spectra,
                _without(spectra, redshifts, told.tolist()),
                _without(spectra, redshifts, [share] * len(used)),
            )
        ]
        rms = round(float(np.sqrt(((told - share) ** 2).mean())), 3)
        figures.append({"share": share, "median": round(float(np.median(told)), 3), "rms": rms} | _compared(*right))
    return figures


def _blends(transients: Light, rows: Rows, galaxies: Light, hosts: Rows, share: float) -> list[Spectrum]:
    """Return blends in the observed frame."""
    flux, mask = blended_rows(transients, rows, galaxies, hosts, share)
    observed = GRID.grid() * (1 + transients.redshift[rows].numpy()[:, None])
    return [
        Spectrum(wavelength[covered], values[covered])
        for wavelength, values, covered in zip(observed, flux.double().numpy(), mask.numpy() > 0, strict=True)
    ]


def _without(spectra: Sequence[Spectrum], redshifts: Sequence[float], shares: Sequence[float]) -> list[Spectrum]:
    """Return the spectra without these shares of host light."""
    return [
        Spectrum(
            spectrum.wavelength,
            without_host(
                spectrum.wavelength,
                spectrum.flux,
                host_flux(spectrum.wavelength, spectrum.flux, redshift, share),
            ),
        )
        for spectrum, redshift, share in zip(spectra, redshifts, shares, strict=True)
    ]


def _right(
    checkpoint: Checkpoint, spectra: Sequence[Spectrum], redshifts: Sequence[float], names: NDArray[np.str_]
) -> Right:
    """Return whether each class is right, (n,)."""
    resampled = [resample(spectrum, checkpoint.grid) for spectrum in spectra]
    unknown = torch.full((len(spectra),), math.nan)
    data = LabelledSpectra(
        torch.from_numpy(np.stack([one.flux for one in resampled])),
        torch.from_numpy(np.stack([one.covered for one in resampled])),
        torch.full((len(spectra),), -1),
        torch.tensor(redshifts, dtype=torch.float64),
        tuple(names),
        ("unknown",) * len(spectra),
        unknown,
        torch.ones(len(spectra), dtype=torch.bool),
        tuple(names),
    )
    member = cast(SpectraNet, checkpoint.network.members[LEFT_OUT])
    raw = infer_both(member, data, checkpoint.grid)["known"].logits
    classes = np.array(checkpoint.taxonomy.trained)
    right: Right = classes[checkpoint.calibration.of("known").logits(raw).argmax(1)] == names
    return right


def _compared(before: Right, after: Right, ideal: Right) -> dict[str, Any]:
    """Return accuracies with their 95 % intervals, and the gain with its 1σ error.

    ideal: whether the class is right after the true share was taken off.
    """
    n = len(before)

    def accuracy(right: Right) -> list[float]:
        hits = int(right.sum())
        return [round(value, 3) for value in (hits / n, *wilson(hits, n))]

    gain = after.astype(float) - before
    return {
        "spectra": n,
        "before": accuracy(before),
        "after": accuracy(after),
        "gain": round(float(gain.mean()), 3),
        "gain_error": round(float(gain.std() / math.sqrt(n)), 3),
        "after_true_share": accuracy(ideal),
    }
