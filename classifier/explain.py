"""Which wavelengths decided: attribution of a class's probability to the samples of the network's input."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.network import Ensemble
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
