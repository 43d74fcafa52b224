"""Tables of the model card: merged classes, and the paper's network."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from classifier.evaluation.merged_classes import merged
from classifier.evaluation.model_card_tables import paper_table
from classifier.outputs import Outputs
from classifier.taxonomy import load_taxonomy
from classifier.training.scoring import score
from tests.factories import labelled

NAMES = ("SN Ic", "SN Ic-BL", "SN II")
TAXONOMY = load_taxonomy().trained_on(NAMES)


def outputs(*probabilities: tuple[float, float, float]) -> Outputs:
    unknown = np.full(len(probabilities), np.nan)
    return Outputs(np.log(np.array(probabilities)), unknown, unknown, unknown, unknown)


def test_two_halves_of_one_class_beat_a_third_class() -> None:
    data = labelled("SN Ic", 0.03, 2)
    data = dataclasses.replace(data, labels=torch.tensor([1, 2]))
    given = outputs((0.3, 0.3, 0.4), (0.1, 0.1, 0.8))
    assert score(given, data, NAMES)["accuracy"] == 0.5
    together = merged(given, data, TAXONOMY)
    assert together[2] == ("SN Ic", "SN II")
    np.testing.assert_allclose(together[0].probabilities, [[0.6, 0.4], [0.2, 0.8]])
    assert score(*together)["accuracy"] == 1


def test_a_spectrum_without_a_label_stays_without_one() -> None:
    data = dataclasses.replace(labelled("SN Ic", 0.03, 1), labels=torch.tensor([-1]))
    assert merged(outputs((0.3, 0.3, 0.4)), data, TAXONOMY)[1].labels.tolist() == [-1]


def test_the_papers_network_stands_beside_ours_with_what_each_can_tell() -> None:
    rows = paper_table(
        {
            "paper": {"device": "cpu", "minutes": 8.3, "drawn": 48, "objects": 70, "accuracy": 0.5, "macro_f1": 0.25},
            "paper-redshift": {
                "device": "cpu",
                "minutes": 7.1,
                "drawn": 48,
                "objects": 80,
                "rms": 0.02,
                "sigma_nmad": 0.0126,
            },
        }
    ).splitlines()
    assert rows[2] == "| paper | cpu | 8.3 | 48 | 70 | 0.500 | 0.250 | - | - |"
    assert rows[3] == "| paper-redshift | cpu | 7.1 | 48 | 80 | - | - | 0.020 | 0.013 |"
