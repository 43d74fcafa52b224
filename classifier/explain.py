"""Which wavelengths decided: attribution of a class's probability to the samples of the network's input."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.network import Ensemble, SpectraNet
from classifier.preprocess import CHANNELS

# Channels that a masked sample loses; the others say where the sample is and in which frame.
_LOST = [CHANNELS.index(name) for name in ("flux", "continuum_divided", "coverage")]
_SMOOTH = 9


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """wavelength: (samples,) Å in the frame that the spectrum came in. contribution: (samples,) how much each sample
    raises the class's log-probability, estimated; 0 where nothing was observed; scaled to a largest size of 1."""

    class_name: str
    wavelength: NDArray[np.float64]
    contribution: NDArray[np.float64]


def contributions(network: Ensemble, x: Tensor, label: int, steps: int = 1) -> Tensor:
    """(1, channels, samples) network input → (samples,) contribution of each sample to log p(label).

    steps 1: input times gradient, the first-order effect of masking a sample, by one backward pass. More: integrated
    gradients (Sundararajan et al. 2017) from the empty spectrum, at ``steps`` points of the way.
    """
    total = torch.zeros_like(x)
    for step in range(steps):
        share = 1.0 if steps == 1 else (step + 0.5) / steps
        point = x.clone()
        point[:, _LOST] *= share
        point.requires_grad_(True)
        logits, _ = network.split(network(point))
        torch.log_softmax(logits, dim=1)[0, label].backward()  # type: ignore[no-untyped-call]
        if point.grad is not None:
            total += point.grad
    raw = (x * total / steps)[0, _LOST].sum(0)
    coverage = x[0, CHANNELS.index("coverage")]
    kernel = torch.ones(1, 1, _SMOOTH) / _SMOOTH
    smooth = torch.nn.functional.conv1d(torch.stack([raw, coverage]).unsqueeze(1), kernel, padding=_SMOOTH // 2)
    return smooth[0, 0] / smooth[1, 0].clamp_min(0.1) * coverage


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """What a prediction rests on, cheap enough to keep with every one.

    class_name: the class that is explained. wavelength: (n,) Å, ascending, in the frame that the spectrum came in.
    contribution: (n,) from -1 to 1, as in Attribution, on a coarser grid. embedding: (members x hidden,) what the heads
    see; spectra that look alike to the network lie in similar directions."""

    class_name: str
    wavelength: NDArray[np.float64]
    contribution: NDArray[np.float32]
    embedding: NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Explained:
    """output: (batch, outputs), as the ensemble's. contribution: (batch, samples / pool of the first stage), each row
    scaled to a largest size of 1. embedding: (batch, members x hidden)."""

    output: Tensor
    contribution: Tensor
    embedding: Tensor


def answer_and_explain(network: Ensemble, x: Tensor, labels: Callable[[Tensor], Tensor]) -> Explained:
    """The ensemble's answer to a batch (batch, channels, samples), and which samples spoke for the class that
    ``labels`` picks for each row, given the class logits (batch, classes).

    Activation times gradient at the end of the first member's first stage: the forward pass is needed anyway, and the
    backward pass goes through one member alone and leaves out its longest stage.
    """
    members = [cast(SpectraNet, member) for member in network.members]
    with torch.no_grad():
        leaf = members[0].first_stage(x)
        others = [member.features(x) for member in members[1:]]
    with torch.enable_grad():
        leaf = leaf.detach().requires_grad_(True)
        hidden = [members[0].features_after(leaf), *others]
        output = network.combine([member.answers(one) for member, one in zip(members, hidden, strict=True)])
        classes, _ = network.split(output)
        chosen = labels(classes.detach()).to(classes.device)
        said = torch.log_softmax(classes, dim=1).gather(1, chosen.unsqueeze(1)).sum()
        (slope,) = torch.autograd.grad(said, leaf)
    raw = (leaf.detach() * slope).sum(1).squeeze(1)
    coverage = torch.nn.functional.avg_pool1d(x[:, CHANNELS.index("coverage")], x.shape[2] // raw.shape[1])
    raw = torch.nn.functional.avg_pool1d(raw, 3, stride=1, padding=1) * (coverage > 0.5)
    contribution = raw / raw.abs().amax(1, keepdim=True).clamp_min(1e-12)
    return Explained(output.detach(), contribution, torch.cat([one.detach() for one in hidden], dim=1))
