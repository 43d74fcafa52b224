"""Batches of training spectra, and their loss."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from classifier.ensemble import Ensemble
from classifier.network import SpectraNet
from classifier.preprocess import network_input
from classifier.training.augment import augment, random_frames
from classifier.training.blend import Blender
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra, sampling_weights
from classifier.training.losses import effective_number_weights, focal_loss, redshift_loss, soft_cross_entropy


class Batches:
    """Batches of training spectra: drawn by weight, blended, augmented, and their loss."""

    def __init__(self, data: LabelledSpectra, settings: TrainConfig, teacher: Ensemble | None = None) -> None:
        groups = [settings.taxonomy[name].group for name in settings.taxonomy.trained]
        self.data, self.settings, self.grid = data, settings, settings.grid
        self.device = data.flux.device
        self.teacher = teacher.eval().to(self.device) if teacher else None
        wanted = settings.bfloat16
        self.bfloat16 = computes_in_bfloat16(self.device) if wanted is None else wanted
        weights = sampling_weights(data, object_power=settings.object_power, class_power=settings.class_power)
        self.weights = weights.to(self.device)
        labels = data.labels.cpu()
        counts = torch.bincount(labels[labels >= 0], minlength=len(groups)).float()
        balance = effective_number_weights(counts, settings.beta) ** (1 - settings.class_power)
        self.class_weights = balance.to(self.device)
        # The last entry of each stands for the label -1.
        galactic, hosts = (torch.tensor([group == kind for group in [*groups, ""]]) for kind in ("Galactic", "host"))
        hosted = ~(galactic | hosts)
        hosted[-1] = False
        self.galactic = galactic.to(self.device)
        self.blender = Blender.of(
            data, hosts.to(self.device), hosted.to(self.device), self.weights, settings.blend, self.grid
        )
        # A redshift head alone learns nothing from a spectrum in the rest frame.
        self.augment = (
            settings.augment
            if settings.network.classes
            else dataclasses.replace(settings.augment, rest_frame_probability=0.0)
        )

    def draw(self, steps: int, random: torch.Generator) -> Tensor:
        """Return the rows of an epoch, (steps, batch_size)."""
        count = steps * self.settings.batch_size
        return torch.multinomial(self.weights, count, replacement=True, generator=random).view(steps, -1)

    def loss(self, network: SpectraNet, rows: Tensor, random: torch.Generator) -> Tensor:
        """Return the loss of a batch of augmented rows, each by chance in the rest frame or the observed one.

        With a teacher, a part of the loss is the distance from what the teacher says of the same augmented rows.
        """
        data, settings, grid = self.data, self.settings, self.grid
        labels = data.labels[rows]
        flux, covered = augment(*self.blender.batch(rows, random), self.augment, grid, random)
        shift, rest, log1pz = random_frames(data.redshift[rows], self.galactic[labels], self.augment, random)
        x = network_input(flux, covered, shift, rest, grid)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            output = network(x)
        class_logits, redshift_logits = network.split(output.float())
        usable = (rest == 0) & log1pz.isfinite()
        log1pz = log1pz.nan_to_num(-9.0).float()
        loss = settings.redshift_weight * redshift_loss(redshift_logits, log1pz, usable, network.config)
        if network.config.classes:
            loss = loss + focal_loss(class_logits, labels, self.class_weights, settings.gamma, settings.smoothing)
        if self.teacher is None:
            return loss
        with torch.no_grad(), torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            taught_classes, taught_redshift = self.teacher.split(self.teacher(x).float())
        taught = soft_cross_entropy(class_logits, taught_classes)
        taught = taught + settings.redshift_weight * soft_cross_entropy(redshift_logits, taught_redshift, usable)
        return (1 - settings.teacher_weight) * loss + settings.teacher_weight * taught


def computes_in_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions for bfloat16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
