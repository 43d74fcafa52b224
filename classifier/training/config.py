"""Settings of a training."""

from __future__ import annotations

import dataclasses

from classifier.network import SpectraNetConfig
from classifier.preprocess import PreprocessConfig
from classifier.taxonomy import Taxonomy
from classifier.training.augment import AugmentConfig
from classifier.training.blend import BlendConfig
from classifier.training.presets import PRESETS


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of the training.

    preset: name of the network's shape, a key of PRESETS.
    folds: number of folds and of networks in the ensemble; network k never sees fold k.
    epoch_size: number of spectra drawn in an epoch.
    bfloat16: whether the network computes in bfloat16; weights and loss stay in float32. None means if the device has
        instructions for it: a CPU without them takes seven times as long.
    minutes: time limit for each network, or None.
    teacher_weight: share of the loss that a teacher gives, where there is one.
    """

    preset: str = "compact"
    folds: int = 5
    epochs: int = 28
    epoch_size: int = 12000
    batch_size: int = 64
    learning_rate: float = 8e-4
    learning_rate_min: float = 1e-5
    weight_decay: float = 0.03
    warmup_epochs: float = 1.0
    ema: float = 0.995
    clip: float = 1.0
    gamma: float = 1.0
    beta: float = 0.9999
    smoothing: float = 0.03
    redshift_weight: float = 0.4
    object_power: float = 0.6
    class_power: float = 0.35
    seed: int = 1
    bfloat16: bool | None = None
    minutes: float | None = None
    teacher_weight: float = 0.7
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    blend: BlendConfig = dataclasses.field(default_factory=BlendConfig)

    @property
    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return self.epoch_size // self.batch_size

    @property
    def taxonomy(self) -> Taxonomy:
        """Return the taxonomy, with the preset's classes as the trained ones."""
        return PRESETS[self.preset].taxonomy

    @property
    def network(self) -> SpectraNetConfig:
        """Return the shape of the network."""
        return PRESETS[self.preset].network(len(self.taxonomy.trained))

    @property
    def grid(self) -> PreprocessConfig:
        """Return the grids of the preset."""
        return PRESETS[self.preset].grid
