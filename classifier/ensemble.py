"""Several SpectraNets that answer as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from classifier.network import SpectraNet


class Ensemble(nn.Module):
    """Networks of one shape, trained from different seeds, that answer as one.

    Like a SpectraNet it takes (batch, in_channels, samples) and returns (batch, outputs): the mean of the members'
    class logits, then the logarithm of the mean of their redshift probabilities. The mean of logits is the geometric
    mean of the probabilities, and keeps the energy that the novelty is read from.
    """

    def __init__(self, members: Sequence[SpectraNet]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.config = members[0].config

    def forward(self, x: Tensor) -> Tensor:
        # x: (batch, in_channels, samples)
        return self.answers(self.features(x))  # (batch, outputs)

    def combine(self, outputs: Sequence[Tensor]) -> Tensor:
        """Combine the members' outputs, each (batch, outputs), into one of the same shape."""
        answers = [self.split(output) for output in outputs]
        classes = torch.stack([logits for logits, _ in answers]).mean(0)
        # This is a mixture: where the members disagree about the redshift, the result has a peak for each.
        redshift = torch.stack([torch.log_softmax(logits, dim=1) for _, logits in answers])
        return torch.cat([classes, redshift.logsumexp(0) - math.log(len(answers))], dim=1)

    def features(self, x: Tensor) -> Tensor:
        """Return the embeddings of all members side by side, (batch, members x hidden)."""
        return torch.cat([cast(SpectraNet, member).features(x) for member in self.members], dim=1)

    def answers(self, hidden: Tensor) -> Tensor:
        """Return what the heads of all members say together: (batch, members x hidden) → (batch, outputs)."""
        parts = torch.split(hidden, self.config.hidden, dim=1)
        return self.combine([cast(SpectraNet, m).answers(part) for m, part in zip(self.members, parts, strict=True)])

    def split(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Split the output as ``SpectraNet.split`` does."""
        return output[:, : self.config.classes], output[:, self.config.classes :]
