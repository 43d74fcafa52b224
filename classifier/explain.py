"""Attribution: which wavelengths raised or lowered the probability of a class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.ensemble import Ensemble
from classifier.network import SpectraNet
from classifier.preprocess import CHANNELS

# Masking a sample empties these channels; the others say where the sample is and in which frame.
_MASKED = [CHANNELS.index(name) for name in ("flux", "continuum_divided", "coverage")]
# Width in samples of the running mean over the contributions.
_SMOOTH = 9


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """The attribution of one class, sample by sample.

    Attributes:
        class_name: the class that is explained.
        wavelength: (samples,) Å in the frame that the spectrum came in.
        contribution: (samples,) estimate of how much each sample raises the class's log-probability, scaled to a
            largest absolute value of 1; 0 where nothing was observed.
    """

    class_name: str
    wavelength: NDArray[np.float64]
    contribution: NDArray[np.float64]


def contributions(network: Ensemble, x: Tensor, label: int, steps: int = 1) -> Tensor:
    """Return the contribution of each sample to the log-probability of a class, (samples,).

    network: the network to explain.
    x: (1, channels, samples) its input.
    label: index of the class.
    steps: 1 for input times gradient, which is the first-order effect of masking a sample and takes one backward
        pass; a larger number for integrated gradients (Sundararajan et al. 2017) from the empty spectrum to this
        one in so many steps.
    """
    total = torch.zeros_like(x)
    for step in range(steps):
        share = 1.0 if steps == 1 else (step + 0.5) / steps
        point = x.clone()
        point[:, _MASKED] *= share
        point.requires_grad_(True)
        logits, _ = network.split(network(point))
        torch.log_softmax(logits, dim=1)[0, label].backward()  # type: ignore[no-untyped-call]
        if point.grad is not None:
            total += point.grad
    raw = (x * total / steps)[0, _MASKED].sum(0)
    coverage = x[0, CHANNELS.index("coverage")]
    kernel = torch.ones(1, 1, _SMOOTH, device=x.device) / _SMOOTH
    smooth = torch.nn.functional.conv1d(torch.stack([raw, coverage]).unsqueeze(1), kernel, padding=_SMOOTH // 2)
    return smooth[0, 0] / smooth[1, 0].clamp_min(0.1) * coverage


@dataclasses.dataclass(frozen=True, eq=False)
class PredictionAttribution:
    """The attribution that is stored with every prediction, on a coarser grid than ``Attribution``.

    Attributes:
        class_name: the predicted class, which is explained.
        wavelength: (n,) Å, ascending, in the frame that the spectrum came in.
        contribution: (n,) from -1, against the class, to 1, for it; 0 where nothing was observed.
        embedding: (members x hidden,) features that the network's heads see. Spectra that look alike to the network
            have embeddings of similar direction.
    """

    class_name: str
    wavelength: NDArray[np.float64]
    contribution: NDArray[np.float32]
    embedding: NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Explained:
    """The ensemble's answer to a batch, with its attributions.

    Attributes:
        output: (batch, outputs) the ensemble's output.
        contribution: (batch, samples / pool of the first stage) contributions, each row scaled to a largest absolute
            value of 1.
        embedding: (batch, members x hidden) features that the heads see.
    """

    output: Tensor
    contribution: Tensor
    embedding: Tensor


def answer_and_explain(network: Ensemble, x: Tensor, labels: Callable[[Tensor], Tensor]) -> Explained:
    """Return the ensemble's answer to a batch, and which samples spoke for one class of each row.

    network: the ensemble.
    x: (batch, channels, samples) its input.
    labels: function from the class logits (batch, classes) to the index of the class to explain, (batch,).

    The contribution is activation times gradient at the end of the first member's first stage. This costs little: the
    forward pass is needed anyway, and the backward pass goes through one member and leaves out its longest stage.
    """
    members = [cast(SpectraNet, member) for member in network.members]
    with torch.no_grad():
        leaf = members[0].first_stage(x)
        others = [member.features(x) for member in members[1:]]
    with torch.enable_grad():
        leaf = leaf.detach().requires_grad_(True)
        hidden = torch.cat([members[0].features_after(leaf), *others], dim=1)
        output = network.answers(hidden)
        classes, _ = network.split(output)
        chosen = labels(classes.detach()).to(classes.device)
        log_probability = torch.log_softmax(classes, dim=1).gather(1, chosen.unsqueeze(1)).sum()
        (slope,) = torch.autograd.grad(log_probability, leaf)
    raw = (leaf.detach() * slope).sum(1).squeeze(1)
    coverage = torch.nn.functional.avg_pool1d(x[:, CHANNELS.index("coverage")], x.shape[2] // raw.shape[1])
    raw = torch.nn.functional.avg_pool1d(raw, 3, stride=1, padding=1) * (coverage > 0.5)
    contribution = raw / raw.abs().amax(1, keepdim=True).clamp_min(1e-12)
    return Explained(output.detach(), contribution, hidden.detach())
