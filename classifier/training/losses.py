"""Losses that training minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from classifier.network import SpectraNetConfig


def effective_number_weights(counts: Tensor, beta: float) -> Tensor:
    """Return class weights 1 / effective number, (1 - β) / (1 - β^n), scaled to mean 1 (Cui et al. 2019, eq. 3).

    counts: (classes,) number of examples; a class without examples gets weight 0.
    """
    effective = (1 - beta**counts) / (1 - beta)
    weights = torch.where(counts > 0, 1 / effective.clamp_min(1e-9), 0.0)
    return weights / weights[counts > 0].mean()


def focal_loss(logits: Tensor, labels: Tensor, weights: Tensor, gamma: float, smoothing: float) -> Tensor:
    """Return the class-balanced focal loss -w (1 - p)^γ log p (Lin et al. 2017) with label smoothing, averaged over the
    batch.

    logits: (batch, classes).
    labels: (batch,) index of the class, or -1 for rows without a label, which do not count.
    weights: (classes,) class weights.
    gamma: exponent of the focus.
    smoothing: share of the label that is spread over all classes.
    """
    # Rows without a label are multiplied by 0 and not cut out, because cutting would wait for the GPU.
    row_weights = weights[labels.clamp_min(0)] * (labels >= 0)
    log_p = torch.log_softmax(logits, dim=1)
    target = torch.full_like(log_p, smoothing / log_p.shape[1])
    target.scatter_(1, labels.clamp_min(0).unsqueeze(1), 1 - smoothing + smoothing / log_p.shape[1])
    focus = (1 - log_p.exp()).clamp_min(0) ** gamma
    rows = -(target * focus * log_p).sum(1)
    return (rows * row_weights).sum() / row_weights.sum().clamp_min(1e-9)


def soft_cross_entropy(logits: Tensor, wanted: Tensor, usable: Tensor | None = None) -> Tensor:
    """Return the cross-entropy against probabilities, averaged over the batch.

    They may be those of a teacher (Hinton et al. 2015).

    logits: (batch, outputs) of the network that learns.
    wanted: (batch, outputs) logits of the probabilities that it should give.
    usable: (batch,) bool, the rows that count; None for all.
    """
    rows = -(torch.softmax(wanted, dim=1) * torch.log_softmax(logits, dim=1)).sum(1)
    return rows.mean() if usable is None else _mean(rows, usable)


def _mean(rows: Tensor, usable: Tensor) -> Tensor:
    return (rows * usable).sum() / usable.sum().clamp_min(1)


def redshift_loss(logits: Tensor, log1pz: Tensor, usable: Tensor, config: SpectraNetConfig) -> Tensor:
    """Return the cross-entropy against a Gaussian one bin wide around the true ln(1 + z).

    logits: (batch, redshift_outputs).
    log1pz: (batch,).
    usable: (batch,) bool, whether the row is in the observed frame and its redshift is known and within the bins.

    It is 0 for a network without a redshift head. For a head with one value, as the paper's, it is the mean squared
    error of the redshift.
    """
    if config.redshift == "none":
        return logits.sum()
    if config.redshift == "softplus":
        return _mean((logits[:, 0] - torch.expm1(log1pz)) ** 2, usable)
    position = (log1pz - config.redshift_first) / config.redshift_step
    usable = usable & (position >= 0) & (position <= config.redshift_bins - 1)
    centres = torch.arange(config.redshift_bins, dtype=logits.dtype, device=logits.device)
    inside = position.clamp(0, config.redshift_bins - 1).unsqueeze(1)
    return soft_cross_entropy(logits, -0.5 * (centres - inside) ** 2, usable)
