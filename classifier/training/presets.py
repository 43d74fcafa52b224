"""Presets: the shapes of network that can be trained, each with its grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from classifier.network import SpectraNetConfig
from classifier.preprocess import PreprocessConfig
from classifier.taxonomy import Taxonomy, load_taxonomy

# The classes of AppleCiDEr II. Its SN IIP are a part of SN II here.
PAPER_CLASSES = (
    "SN Ia",
    "SN Ib",
    "SN Ic",
    "SN IIb",
    "SN II",
    "SN IIn",
    "SLSN-I",
    "TDE",
    "AGN",
    "Cataclysmic",
)


@dataclasses.dataclass(frozen=True)
class Preset:
    """A shape of network with its grid and classes.

    network: function from the number of classes to the network's configuration.
    grid: the grids of the preprocessing.
    classes: names of the classes that it is trained on, or None for all that the taxonomy trains.
    """

    network: Callable[[int], SpectraNetConfig]
    grid: PreprocessConfig
    classes: tuple[str, ...] | None = None

    @property
    def taxonomy(self) -> Taxonomy:
        """Return the taxonomy in use, with the preset's classes alone as the trained ones."""
        taxonomy = load_taxonomy()
        return taxonomy if self.classes is None else taxonomy.trained_on(self.classes)


def _paper(classes: int) -> SpectraNetConfig:
    return SpectraNetConfig.paper(classes=classes)


def _paper_redshift(_classes: int) -> SpectraNetConfig:
    return SpectraNetConfig.paper("redshift")


# The paper's network sees one channel, which does not tell the frame.
_PAPER_GRID = PreprocessConfig(samples=4096, oversample=1)

PRESETS = {
    "compact": Preset(SpectraNetConfig.compact, PreprocessConfig()),
    "fine": Preset(SpectraNetConfig.fine, PreprocessConfig(samples=2048)),
    "paper": Preset(_paper, _PAPER_GRID, PAPER_CLASSES),
    "paper-taxonomy": Preset(_paper, _PAPER_GRID),
    "paper-redshift": Preset(_paper_redshift, _PAPER_GRID),
}
