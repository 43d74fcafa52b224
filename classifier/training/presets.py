"""Presets: the shapes of network that can be trained, each with its grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from classifier.network import SpectraNetConfig
from classifier.preprocess import PreprocessConfig


@dataclasses.dataclass(frozen=True)
class Preset:
    """A shape of network with its grid.

    network: function from the number of classes to the network's configuration.
    grid: the grids of the preprocessing.
    """

    network: Callable[[int], SpectraNetConfig]
    grid: PreprocessConfig


PRESETS = {
    "compact": Preset(SpectraNetConfig.compact, PreprocessConfig()),
    # Its network sees one channel, which does not tell the frame.
    "paper": Preset(
        lambda classes: SpectraNetConfig.paper(classes=classes), PreprocessConfig(samples=4096, oversample=1)
    ),
    "fine": Preset(SpectraNetConfig.fine, PreprocessConfig(samples=2048)),
}
