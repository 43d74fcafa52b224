"""Predictions: classify spectra with a checkpoint."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.checkpoint import SHIPPED, Checkpoint, load_checkpoint, pick_device
from classifier.crosscheck import CrossCheck, Match
from classifier.errors import SpectrumError
from classifier.explain import Attribution, Explained, PredictionAttribution, answer_and_explain, contributions
from classifier.outputs import Mode, Outputs, both_frames, redshift_from_bins
from classifier.preprocess import Resampled, check_rest_coverage, network_input, resample
from classifier.references import distances
from classifier.spectrum import Spectrum, is_plausible_redshift

BATCH = 64


@dataclasses.dataclass(frozen=True)
class SpectrumPrediction:
    """The network's answer for one spectrum.

    class_name: most probable class.
    probabilities: calibrated probability of every class that the checkpoint knows; they sum to 1.
    parents: the same by group.
    conformal_set: classes that cannot be ruled out at 90 % confidence, the most probable first.
    novelty: share of known spectra that looked more familiar, 0..1.
    redshift: estimate of the network and the templates together, or None if it is not trusted.
    redshift_error: its 1σ error, or None.
    redshift_used: known redshift that the spectrum was shifted by, or None if it was classified blind.
    crosscheck: class, redshift, score and number of the best template (see classifier.crosscheck), or None if too
        little could be compared.
    attribution: which wavelengths spoke for the class. It follows from the other fields and the spectrum, so it is left
        out of comparisons.
    """

    class_name: str
    probabilities: dict[str, float]
    parents: dict[str, float]
    conformal_set: list[str]
    novelty: float
    redshift: float | None
    redshift_error: float | None
    redshift_used: float | None
    crosscheck: dict[str, Any] | None = None
    attribution: PredictionAttribution | None = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True, eq=False)
class _Row:
    """One spectrum ready for the network; ``item`` is its index in the caller's list."""

    item: int
    resampled: Resampled
    redshift: float | None
    at_rest: bool


class Classifier:
    """A loaded checkpoint on a device.

    bfloat16: whether the network runs in bfloat16. None means on CUDA only, where it is several times as fast; a CPU
        keeps float32, so that its answers are the same on every machine.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device, *, bfloat16: bool | None = None) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.bfloat16 = device.type == "cuda" if bfloat16 is None else bfloat16
        self.network = checkpoint.network.to(device).eval()
        self.crosscheck = CrossCheck(checkpoint.templates, checkpoint.grid, device)
        self.references = checkpoint.references.to(device) if checkpoint.references else None

    @classmethod
    def load(cls, path: Path | None = None, device: str = "auto") -> Self:
        """Load the checkpoint folder ``path`` (None: the shipped one). Raises CheckpointError."""
        return cls(load_checkpoint(path or SHIPPED), pick_device(device))

    @property
    def hash(self) -> str:
        return self.checkpoint.hash

    @property
    def name(self) -> str:
        return self.checkpoint.name

    @property
    def taxonomy_version(self) -> str:
        return self.checkpoint.taxonomy.version

    @property
    def metrics(self) -> dict[str, Any]:
        return self.checkpoint.metrics

    def predict(self, items: Sequence[tuple[Spectrum, float | None]]) -> list[SpectrumPrediction | SpectrumError]:
        """Classify spectra and return one result for each, in order.

        items: pairs of a spectrum and its known redshift, or None to classify blind.

        A spectrum that cannot be used gives a SpectrumError in place of its result, with the code
        "insufficient_coverage" or "bad_redshift". The other spectra are classified all the same.
        """
        results: dict[int, SpectrumPrediction | SpectrumError] = {}
        rows: list[_Row] = []
        for item, (spectrum, redshift) in enumerate(items):
            try:
                rows.append(self._prepare(item, spectrum, redshift))
            except SpectrumError as error:
                results[item] = error
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            results.update(zip((row.item for row in batch), self._run(batch), strict=True))
        return [results[item] for item in range(len(items))]

    def _prepare(self, item: int, spectrum: Spectrum, redshift: float | None) -> _Row:
        if redshift is not None and not is_plausible_redshift(redshift):
            raise SpectrumError("bad_redshift", f"a redshift of {redshift} cannot be used")
        resampled = resample(spectrum, self.checkpoint.grid)
        at_rest = spectrum.frame == "rest"
        if redshift is not None and not at_rest:
            check_rest_coverage(resampled, redshift, self.checkpoint.grid)
        return _Row(item, resampled, redshift, at_rest)

    def explain(self, spectrum: Spectrum, redshift: float | None, class_name: str, *, steps: int = 1) -> Attribution:
        """Return which wavelengths raised or lowered the probability of a class.

        steps: number of steps of the integration; see classifier.explain.contributions.

        Raises SpectrumError if the spectrum cannot be used, and ValueError if the checkpoint does not know the class.
        """
        if class_name not in self.checkpoint.taxonomy.trained:
            raise ValueError(f"the checkpoint does not know the class {class_name}")
        label = self.checkpoint.taxonomy.trained.index(class_name)
        row = self._prepare(0, spectrum, redshift)
        grid = self.checkpoint.grid
        shift = _shift(row)
        x = self._input([row], [shift], [row.at_rest or redshift is not None])
        found = contributions(self.network, x, label, steps).cpu().double().numpy()
        scale = float(np.abs(found).max()) or 1.0
        return Attribution(class_name, grid.grid() * math.exp(shift), found / scale)

    @torch.no_grad()
    def _run(self, rows: Sequence[_Row]) -> list[SpectrumPrediction]:
        """Run the network on spectra that passed the checks.

        Every spectrum runs once in the frame that is known best. A spectrum with a known redshift runs again in the
        observed frame: this gives a second view of the class, and the redshift head works in that frame alone.
        """
        known = [row.at_rest or row.redshift is not None for row in rows]
        twice = [i for i, row in enumerate(rows) if row.redshift is not None and not row.at_rest]
        shifts = [_shift(row) for row in rows]
        again = self._observed_frame([rows[i] for i in twice])

        def both(classes: NDArray[np.float64]) -> NDArray[np.float64]:
            result = classes.copy()
            result[twice] = both_frames(classes[twice], again[0])
            return result

        with self._precision():
            explained = answer_and_explain(
                self.network,
                self._input(rows, shifts, known),
                lambda logits: torch.from_numpy(self._labels(both(logits.cpu().double().numpy()), known)),
            )
        classes, z_rows = self._split(explained.output)
        # The redshift comes from a row's observed-frame pass, which is the first or the second one.
        z_rows[twice] = again[1]
        compared = self.crosscheck.compare(*_stacked(rows), [0.0 if row.at_rest else row.redshift for row in rows])
        z_rows += self.crosscheck.redshift_evidence(compared.best, self.network.config)
        distance = distances(self.references, explained.embedding)
        distance[twice] = again[2]
        outputs = Outputs(both(classes), *redshift_from_bins(z_rows, self.network.config), distance)
        results = [
            self._result(row, outputs, i, known[i], match)
            for i, (row, match) in enumerate(zip(rows, compared.matches, strict=True))
        ]
        return [
            dataclasses.replace(result, attribution=self._attribution(result.class_name, explained, i, shifts[i]))
            for i, result in enumerate(results)
        ]

    def _input(self, rows: Sequence[_Row], shifts: Sequence[float], at_rest: Sequence[bool]) -> torch.Tensor:
        """Return the network's input (n, channels, samples) on the device.

        shifts: ln(1 + z) by which each row is shifted to the blue.
        """
        flux, covered = (part.to(self.device) for part in _stacked(rows))
        shift = torch.tensor(shifts, device=self.device)
        rest = torch.tensor(at_rest, dtype=torch.float32, device=self.device)
        return network_input(flux, covered, shift, rest, self.checkpoint.grid)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16)

    def _observed_frame(
        self, rows: Sequence[_Row]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return class logits (n, classes), those of redshift (n, bins) and distances (n,), in the observed frame."""
        config = self.network.config
        if not rows:
            return np.empty((0, config.classes)), np.empty((0, config.redshift_outputs)), np.empty(0)
        with self._precision():
            hidden = self.network.features(self._input(rows, [0.0] * len(rows), [False] * len(rows)))
            return *self._split(self.network.answers(hidden)), distances(self.references, hidden)

    def _split(self, output: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        classes, redshift = self.network.split(output.float().cpu())
        return classes.double().numpy(), redshift.double().numpy()

    def _labels(self, raw: NDArray[np.float64], known: Sequence[bool]) -> NDArray[np.int64]:
        """Return the indices (n,) of the classes that will be predicted from logits (n, classes)."""
        fitted = self.checkpoint.calibration
        calibrated = np.where(
            np.asarray(known)[:, None], fitted.of("known").logits(raw), fitted.of("blind").logits(raw)
        )
        return np.asarray(calibrated.argmax(1), dtype=np.int64)

    def _attribution(self, class_name: str, explained: Explained, i: int, shift: float) -> PredictionAttribution:
        contribution, embedding = (
            part[i].float().cpu().numpy() for part in (explained.contribution, explained.embedding)
        )
        coarse = np.exp(np.log(self.checkpoint.grid.grid()).reshape(contribution.size, -1).mean(1))
        return PredictionAttribution(class_name, coarse * math.exp(shift), contribution, embedding)

    def _result(self, row: _Row, outputs: Outputs, i: int, known: bool, match: Match | None) -> SpectrumPrediction:
        mode: Mode = "known" if known else "blind"
        taxonomy = self.checkpoint.taxonomy
        fitted = self.checkpoint.calibration.of(mode)
        one = Outputs(*(getattr(outputs, field.name)[i : i + 1] for field in dataclasses.fields(Outputs)))
        calibrated = self.checkpoint.calibration.apply_to(one, mode)
        p: NDArray[np.float64] = calibrated.probabilities[0]
        probabilities = dict(zip(taxonomy.trained, p.tolist(), strict=True))
        redshift = None if row.at_rest else _finite(calibrated.redshift[0])
        return SpectrumPrediction(
            class_name=taxonomy.trained[int(p.argmax())],
            probabilities=probabilities,
            parents=taxonomy.group_probabilities(probabilities),
            conformal_set=fitted.conformal_set(p, taxonomy.trained),
            novelty=float(fitted.novelty(one)[0]),
            redshift=redshift,
            redshift_error=None if redshift is None else float(calibrated.redshift_error[0]),
            redshift_used=row.redshift,
            crosscheck=self._second_opinion(match, row.at_rest),
        )

    def _second_opinion(self, match: Match | None, at_rest: bool) -> dict[str, Any] | None:
        if match is None:
            return None
        return {
            "class": self.checkpoint.taxonomy.trained[match.label],
            "redshift": None if at_rest else match.redshift,
            "score": match.score,
            "template": match.template,
        }


def _stacked(rows: Sequence[_Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return flux and coverage of rows on the fine grid, each (n, fine_samples)."""
    flux, covered = ([getattr(row.resampled, name) for row in rows] for name in ("flux", "covered"))
    return torch.from_numpy(np.stack(flux)), torch.from_numpy(np.stack(covered))


def _shift(row: _Row) -> float:
    """Return the ln(1 + z) by which a row is shifted for its first pass."""
    return 0.0 if row.at_rest else math.log1p(row.redshift or 0.0)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
