"""What training minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from classifier.network import SpectraNetConfig


def effective_number_weights(counts: Tensor, beta: float) -> Tensor:
    """Class weights 1 / effective number, (1 - β^n) / (1 - β), scaled to mean 1 (Cui et al. 2019, eq. 3).

    counts: (classes,); a class without examples gets weight 0."""
    effective = (1 - beta**counts) / (1 - beta)
    weights = torch.where(counts > 0, 1 / effective.clamp_min(1e-9), 0.0)
    return weights / weights[counts > 0].mean()


def focal_loss(logits: Tensor, labels: Tensor, weights: Tensor, gamma: float, smoothing: float) -> Tensor:
    """Class-balanced focal loss (Lin et al. 2017), -w (1 - p)^γ log p, with label smoothing; mean over the batch.

    logits: (batch, classes). labels: (batch,), -1 for rows without a label, which do not count."""
    known = labels >= 0
    if not known.any():
        return logits.sum() * 0.0
    logits, labels = logits[known], labels[known]
    log_p = torch.log_softmax(logits, dim=1)
    target = torch.full_like(log_p, smoothing / log_p.shape[1])
    target.scatter_(1, labels.unsqueeze(1), 1 - smoothing + smoothing / log_p.shape[1])
    focus = (1 - log_p.exp()).clamp_min(0) ** gamma
    rows = -(target * focus * log_p).sum(1)
    row_weights = weights[labels]
    return (rows * row_weights).sum() / row_weights.sum()


def redshift_loss(logits: Tensor, log1pz: Tensor, usable: Tensor, config: SpectraNetConfig) -> Tensor:
    """Cross-entropy against a Gaussian one bin wide around the true ln(1 + z).

    logits: (batch, redshift_bins). log1pz: (batch,). usable: (batch,) bool: in the observed frame, redshift known
    and within the bins."""
    position = (log1pz - config.redshift_first) / config.redshift_step
    usable = usable & (position >= 0) & (position <= config.redshift_bins - 1)
    if not usable.any():
        return logits.sum() * 0.0
    centres = torch.arange(config.redshift_bins, dtype=logits.dtype)
    target = torch.softmax(-0.5 * (centres - position[usable].unsqueeze(1)) ** 2, dim=1)
    return -(target * torch.log_softmax(logits[usable], dim=1)).sum(1).mean()
