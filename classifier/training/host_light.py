"""Training the network of ``classifier.host_light`` on blends of transients and galaxies, and measuring it; also the
eigenspectra of galaxies for ``classifier.host_spectrum``.

Transients of the archives have host light of their own, and each blend counts it as the transient's. So a first network
finds those in which much of it is, and a second one is trained and measured without them. Both leave out a fold of the
transients and galaxies, which measures them.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from classifier.checkpoint import Checkpoint
from classifier.crosscheck import CrossCheck
from classifier.host_light import HostNetwork, covers, in_band, inputs, is_hosted, level
from classifier.host_spectrum import EIGENSPECTRA, GRID
from classifier.preprocess import running_mean, shift_and_average
from classifier.taxonomy import Taxonomy
from classifier.training.dataset import LabelledSpectra, own_redshift, sampling_weights
from classifier.training.folds import fold_of

FOLDS, LEFT_OUT = 5, 0
# A galaxy without a redshift counts if its best template reaches this score.
LEAST_SCORE = 10.0
# A transient with more host light than this by the first network is left out of the second one.
MOST_OWN = 0.15
# The largest share in training, and how often there is none.
MOST_SHARE, NO_HOST = 0.9, 0.2
STEPS, BATCH, RATE, DECAY = (2000, 5000), 96, 1.2e-3, 2e-2
# Shares that are measured, number of transients of a class that are, and the share that counts as much host light.
SHARES, MOST_MEASURED, MUCH = (0.1, 0.3, 0.5, 0.7), 150, 0.35
# Edges of the ranges of told shares in the report.
EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.01)
Rows = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Light:
    """Spectra in the rest frame on GRID, each with a mean of 1 in BAND.

    flux, mask: (n, samples).
    redshift: (n,) redshift that each was moved from.
    fold: (n,) fold of each object.
    object_ids: n names of objects.
    weights: (n,) weights for drawing.
    labels: n names of classes.
    """

    flux: Tensor
    mask: Tensor
    redshift: Tensor
    fold: Rows
    object_ids: NDArray[np.str_]
    weights: Tensor
    labels: NDArray[np.str_]

    @classmethod
    def of(cls, data: LabelledSpectra, classes: Sequence[str]) -> Light:
        """Return the usable ones among labelled spectra whose redshift is known."""
        shift = torch.log1p(data.redshift).float()
        flux, mask = shift_and_average(data.flux, data.covered.to(data.flux.dtype), shift, GRID)
        smooth = running_mean(flux, mask, 100)
        # A continuum that falls to nothing is one whose level is faulty.
        fine = covers(flux, mask) & ((smooth > 0.05 * level(flux, mask)) | (mask * in_band(flux) == 0)).all(1)
        rows = torch.nonzero(fine).squeeze(1)
        kept = data.take(rows)
        return cls(
            (flux / level(flux, mask).clamp_min(1e-6))[rows],
            mask[rows],
            kept.redshift,
            np.array([fold_of(name, FOLDS) for name in kept.object_ids], dtype=np.int64),
            np.array(kept.object_ids),
            sampling_weights(kept, object_power=1.0, class_power=0.5),
            np.array([classes[label] for label in kept.labels.tolist()]),
        )


def train(data: LabelledSpectra, checkpoint: Checkpoint) -> tuple[HostNetwork, dict[str, Any]]:
    """Return the second network, and what it was measured to be worth on the fold that it never saw.

    data: labelled spectra on GRID.
    checkpoint: its templates give galaxies without a redshift theirs.
    """
    torch.manual_seed(0)
    transients, galaxies = transients_of(data, checkpoint.taxonomy), galaxies_of(data, checkpoint)
    hosts = np.flatnonzero(galaxies.fold != LEFT_OUT)
    first = _fit(transients, np.flatnonzero(transients.fold != LEFT_OUT), galaxies, hosts, STEPS[0])
    clean = clean_rows(first, transients)
    second = _fit(transients, clean[transients.fold[clean] != LEFT_OUT], galaxies, hosts, STEPS[1])
    figures = _measured(second, transients, clean, galaxies)
    counts = {"transients": len(set(transients.object_ids)), "galaxies": len(galaxies.fold)}
    return second, counts | figures


def save(network: HostNetwork, figures: dict[str, Any], path: Path) -> None:
    """Write the network's weights as float16, with the figures."""
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, path, {"measured": json.dumps(figures)})


def transients_of(data: LabelledSpectra, taxonomy: Taxonomy) -> Light:
    """Return the real transients that lie in a galaxy, at a known redshift."""
    hosted = torch.tensor([is_hosted(name, taxonomy) for name in taxonomy.trained] + [False])
    # The continuum of rest-frame templates is not to be trusted. They were moved to a redshift of their own.
    moved = torch.tensor([own_redshift(name) for name in data.object_ids], dtype=torch.float64) == data.redshift
    rows = hosted[data.labels] & (data.redshift > 0.001) & data.real & ~moved
    return Light.of(data.take(torch.nonzero(rows).squeeze(1)), taxonomy.trained)


def galaxies_of(data: LabelledSpectra, checkpoint: Checkpoint) -> Light:
    """Return galaxies; one without a redshift has that of the best template of galaxies, if it fits well."""
    label = checkpoint.taxonomy.trained.index("Galaxy")
    galaxies = data.take(torch.nonzero(data.labels == label).squeeze(1))
    of_galaxies = checkpoint.templates.labels == label
    templates = dataclasses.replace(
        checkpoint.templates,
        **{
            field.name: getattr(checkpoint.templates, field.name)[of_galaxies]
            for field in dataclasses.fields(checkpoint.templates)
        },
    )
    matches = CrossCheck(templates, checkpoint.grid).compare(galaxies.flux, galaxies.covered, [None] * len(galaxies))
    matched = [m.redshift if m and m.score >= LEAST_SCORE else math.nan for m in matches.matches]
    redshift = torch.where(galaxies.redshift.isfinite(), galaxies.redshift, torch.tensor(matched, dtype=torch.float64))
    known = torch.nonzero(redshift.isfinite()).squeeze(1)
    return Light.of(dataclasses.replace(galaxies, redshift=redshift).take(known), checkpoint.taxonomy.trained)


def blended(flux: Tensor, mask: Tensor, host: Tensor, host_mask: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return blends and their coverage, (n, samples), with a share (n,) of the light in BAND from the host."""
    both = mask * host_mask
    own, other = (one / level(one, both).clamp_min(0.05) for one in (flux, host))
    return ((1 - share.unsqueeze(1)) * own + share.unsqueeze(1) * other) * both, both


def blended_rows(transients: Light, rows: Rows, galaxies: Light, hosts: Rows, share: float) -> tuple[Tensor, Tensor]:
    """Return blends of some transients with as many galaxies, all with one share of host light, and their coverage."""
    shares = torch.full((len(rows),), share)
    return blended(transients.flux[rows], transients.mask[rows], galaxies.flux[hosts], galaxies.mask[hosts], shares)


def _fit(transients: Light, rows: Rows, galaxies: Light, hosts: Rows, steps: int) -> HostNetwork:
    network = HostNetwork().train()
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    for step in tqdm(range(steps), desc="host light", mininterval=5):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        flux, mask, share = _batch(transients, rows, galaxies, hosts)
        told, log_error = network(inputs(flux, mask))
        loss = (log_error + 0.5 * ((share - told) / log_error.exp()) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    return network.eval()


def _batch(transients: Light, rows: Rows, galaxies: Light, hosts: Rows) -> tuple[Tensor, Tensor, Tensor]:
    """Return flux and coverage (BATCH, samples) of augmented blends, and their shares of host light."""
    own = rows[torch.multinomial(transients.weights[rows], BATCH, replacement=True)]
    share = MOST_SHARE * torch.rand(BATCH) * (torch.rand(BATCH) > NO_HOST)
    host, host_mask = _mixed(galaxies, hosts)
    # The host moves against the transient by up to 500 km/s.
    step = int(torch.randint(-2, 3, ()))
    host, host_mask = _warped(host).roll(step, 1), host_mask.roll(step, 1)
    flux, mask = blended(_warped(transients.flux[own]), transients.mask[own], host, host_mask, share)
    noise = torch.exp(torch.empty(BATCH, 1).uniform_(math.log(0.005), math.log(0.2))) * (torch.rand(BATCH, 1) < 0.6)
    flux = flux + noise * torch.randn_like(flux)
    width = (0, 0, 6, 10, 18)[int(torch.randint(5, ()))]
    flux = (running_mean(flux, mask, width) if width else flux) * mask
    grid = torch.from_numpy(GRID.grid()).to(flux)
    blue = 3600 + 320 * torch.rand(BATCH, 1) * (torch.rand(BATCH, 1) < 0.3)
    red = 8200 - 800 * torch.rand(BATCH, 1) * (torch.rand(BATCH, 1) < 0.4)
    mask = mask * (grid > blue) * (grid < red)
    return flux * mask, mask, share


def _mixed(galaxies: Light, hosts: Rows) -> tuple[Tensor, Tensor]:
    """Return mixes of up to three galaxies each, flux and coverage (BATCH, samples)."""
    chosen = hosts[torch.randint(len(hosts), (BATCH, 3))]
    parts = torch.distributions.Dirichlet(torch.full((3,), 0.5)).sample((BATCH,))
    parts = torch.where(parts > 0.05, parts, 0.0).unsqueeze(2)
    mask = torch.where(parts > 0, galaxies.mask[chosen], 1.0).prod(1)
    return (parts * galaxies.flux[chosen]).sum(1) * mask, mask


def _warped(flux: Tensor) -> Tensor:
    """Return spectra with a smooth change of their continuum: other dust, and faults of the flux calibration."""
    x = torch.linspace(-1, 1, flux.shape[1])
    slope, bend, wave = (size * torch.randn(len(flux), 1) for size in (0.2, 0.15, 0.08))
    waves = torch.sin(2 * math.pi * (x + torch.rand(len(flux), 1)))
    return flux * torch.exp(slope * x + bend * (x**2 - 1 / 3) + wave * waves)


@torch.no_grad()
def _answers(network: HostNetwork, flux: Tensor, mask: Tensor) -> tuple[Floats, Floats]:
    """Return share and error of each spectrum, (n,)."""
    found = [network(inputs(*part)) for part in zip(torch.split(flux, 256), torch.split(mask, 256), strict=True)]
    share, log_error = (torch.cat(parts) for parts in zip(*found, strict=True))
    return share.clamp(0, 1).numpy(), log_error.exp().numpy()


def measured_rows(transients: Light, clean: Rows, random: np.random.Generator) -> Rows:
    """Return the transients to measure on: one spectrum of each object of the fold that was left out.

    clean: rows without much host light of their own.
    """
    rows = random.permutation(clean[transients.fold[clean] == LEFT_OUT])
    rows = rows[np.unique(transients.object_ids[rows], return_index=True)[1]]
    kept = [rows[transients.labels[rows] == name][:MOST_MEASURED] for name in sorted(set(transients.labels))]
    return np.concatenate(kept)


def clean_rows(network: HostNetwork, transients: Light) -> Rows:
    """Return the transients without much host light of their own, as a network tells it."""
    return np.flatnonzero(_answers(network, transients.flux, transients.mask)[0] < MOST_OWN)


def make_eigenspectra(galaxies: Light) -> Floats:
    """Return the mean galaxy and its deviations of one standard deviation each, (1 + EIGENSPECTRA, samples).

    The fold that measures has no part in them. Where a galaxy is not covered, it counts as the mean one.
    """
    used = torch.from_numpy(galaxies.fold != LEFT_OUT)
    flux, mask = galaxies.flux[used].double(), galaxies.mask[used].double()
    mean = (flux * mask).sum(0) / mask.sum(0).clamp_min(1.0)
    _, sizes, directions = torch.linalg.svd((flux - mean) * mask, full_matrices=False)
    deviations = sizes[:EIGENSPECTRA, None] / math.sqrt(len(flux)) * directions[:EIGENSPECTRA]
    return torch.cat([mean[None], deviations]).numpy()


def _measured(network: HostNetwork, transients: Light, clean: Rows, galaxies: Light) -> dict[str, Any]:
    """Return how well host light is told on blends of the fold that was left out, one spectrum of each object."""
    random = np.random.default_rng(0)
    rows = measured_rows(transients, clean, random)
    hosts = np.flatnonzero(galaxies.fold == LEFT_OUT)
    by_share, all_off, all_sigma = [], [], []
    for share in SHARES:
        host = random.choice(hosts, len(rows))
        flux, mask = blended_rows(transients, rows, galaxies, host, share)
        told, error = _answers(network, flux, mask)
        figures = {"median": _rounded(np.median(told)), "much": _rounded((told >= MUCH).mean())}
        by_share.append({"share": share, "spectra": len(rows), **_worth(told - share, error), **figures})
        all_off.append(told - share)
        all_sigma.append(error)
    labels = np.tile(transients.labels[rows], len(SHARES))
    off, sigma = np.concatenate(all_off), np.concatenate(all_sigma)
    by_class = {
        str(name): {"spectra": int((labels == name).sum()), **_worth(off[labels == name], sigma[labels == name])}
        for name in sorted(set(labels))
    }
    truth = np.repeat(SHARES, len(rows))
    by_told = [
        {"told_from": low, "spectra": int(inside.sum()), "mean": _rounded(truth[inside].mean())}
        for low, high in itertools.pairwise(EDGES)
        if (inside := (truth + off >= low) & (truth + off < high)).any()
    ]
    return {"all": _worth(off, sigma), "by_share": by_share, "by_class": by_class, "by_told": by_told}


def _worth(off: Floats, sigma: Floats) -> dict[str, float]:
    return {"rms": _rounded(np.sqrt((off**2).mean())), "pull": _rounded(np.sqrt(((off / sigma) ** 2).mean()))}


def _rounded(value: Any) -> float:
    return round(float(value), 3)
