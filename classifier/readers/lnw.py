"""SNID template files (.lnw): epochs of one object on a logarithmic rest-frame grid, with the continuum divided out."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import metadata
from classifier.readers.cleanup import clean_spectrum
from classifier.readers.receipt import Corrections, Part, Receipt
from classifier.readers.several import read_each
from classifier.spectrum import Array

# Epochs, samples, first and last wavelength (Å), spline knots, name, light-curve shape, type.
_FIRST_LINE = re.compile(
    rb"\s*(\d{1,3})\s+(\d{2,5})\s+(\d+\.\d*)\s+(\d+\.\d*)\s+(\d{1,4})\s+(\S+)\s+(?:(?:[-+.\d]+|nan)\s+)?([^\r\n]*[A-Za-z][^\r\n]*)"
)
_MAX_EPOCHS, _MAX_SAMPLES, _MAX_KNOTS = 400, 8192, 1000
_MAX_BYTES = 24 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class Template:
    """Content of a SNID template file.

    name: name of the object.
    type: type as the file gives it, such as "Ia-91T".
    ages: (epochs,) days.
    since_maximum: whether the ages count from maximum light; else they count from the first spectrum.
    wavelength: (samples,) centres of the samples in Å, rest frame.
    flattened: (epochs, samples) flux divided by its continuum, less 1; 0 where there is no data.
    knots: (1 + knots, 1 + 2 epochs) the spline fits of the continua, as they stand in the file.
    """

    name: str
    type: str
    ages: Array
    since_maximum: bool
    wavelength: Array
    flattened: Array
    knots: Array

    def flux(self, epoch: int) -> Array:
        """Return the flux of an epoch with its continuum, (samples,); NaN where it is not known.

        SNID fits the continuum to the flux of each sample of its logarithmic grid: a cubic spline through knots
        (log10 of the sample's number from 1, log10 of the flux over its mean).
        """
        count = int(np.nan_to_num(self.knots[0, 1 + 2 * epoch]))
        x, y = self.knots[1 : 1 + count, 1 + 2 * epoch : 3 + 2 * epoch].T
        if count < 2 or len(x) < count or not (np.diff(x) > 0).all() or not np.isfinite(y).all():
            return np.full(len(self.wavelength), np.nan)
        sample = np.log10(np.arange(len(self.wavelength)) + 1.0)
        known = (sample >= x[0]) & (sample <= x[-1]) & (self.flattened[epoch] != 0)
        continuum = 10 ** _natural_spline(x, y, np.clip(sample, x[0], x[-1]))
        return np.where(known, (1 + self.flattened[epoch]) * continuum / self.wavelength, np.nan)


def is_lnw(content: bytes) -> bool:
    """Tell whether the first line is one that SNID's logwave writes."""
    return _FIRST_LINE.match(content[:300]) is not None


def parse_lnw(content: bytes) -> Template:
    """Return the content of a SNID template file. Raises SpectrumError ("bad_lnw")."""
    match = _FIRST_LINE.match(content[:300])
    if match is None or len(content) > _MAX_BYTES:
        raise SpectrumError("bad_lnw", "this is not a SNID template file, or one too large to read")
    epochs, samples, knots = int(match[1]), int(match[2]), int(match[5])
    if not 0 < epochs <= _MAX_EPOCHS:
        raise SpectrumError("bad_lnw", f"the first line announces {epochs} epochs: 1 to {_MAX_EPOCHS} can be read")
    if samples > _MAX_SAMPLES or knots > _MAX_KNOTS:
        raise SpectrumError(
            "bad_lnw", f"the first line announces too many samples ({samples}) or spline knots ({knots})"
        )
    lines = content.decode("latin-1").splitlines()[1 : 3 + knots + samples]
    # The fits of the continuum stand before the ages: a line of counts and means, then a line for each knot.
    fits = _numbers(lines[: 1 + knots], 1 + 2 * epochs)
    ages, values = _numbers(lines[1 + knots : 2 + knots], 1 + epochs), _numbers(lines[2 + knots :], 1 + epochs)
    if ages.shape[0] != 1 or values.shape[0] != samples:
        raise SpectrumError(
            "bad_lnw",
            f"the file is cut short or damaged: {values.shape[0]} of {samples} rows hold {epochs + 1} numbers",
        )
    # The flag before the ages is 0 if they count from maximum light.
    return Template(
        match[6].decode("latin-1"),
        match[7].decode("latin-1").split()[0],
        ages[0, 1:],
        ages[0, 0] == 0,
        values[:, 0],
        values[:, 1:].T,
        fits if len(fits) else np.zeros((1, 1 + 2 * epochs)),
    )


def read_lnw(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Return one spectrum for each epoch, in the file's order.

    Raises SpectrumError ("bad_lnw", "no_spectrum").
    """
    receipt.format = "snid-lnw"
    template = parse_lnw(content)
    receipt.guess("frame", "rest", "SNID templates are in the rest frame", 0.95)
    receipt.guess("flux_kind", "flattened", "SNID divides by the continuum", 0.98)
    known = metadata.collect({"OBJECT": template.name}, receipt)
    since = "maximum" if template.since_maximum else "the first spectrum"

    def part(epoch: tuple[float, Array], own: Receipt) -> Part:
        age, flux = epoch
        own.guess("phase_days", round(float(age), 2), f"days since {since}, from the file's header", 0.9)
        own.rows_read = len(flux)
        fields = {"flux_kind": "flattened", "frame": "rest", **known}
        return clean_spectrum(template.wavelength, flux, None, own, corrections, **fields), own

    epochs = list(zip(template.ages, template.flattened, strict=True))
    return read_each(epochs, lambda epoch, _: f"epoch {epoch[0]:+.1f} d", part, receipt, "the template")


def _numbers(lines: list[str], columns: int) -> Array:
    """Return (rows, columns), without any rows if one holds something other than so many numbers."""
    none = np.empty((0, columns))
    if not any(map(str.strip, lines)):
        return none
    try:
        values: Array = np.loadtxt(lines, ndmin=2, comments=None, dtype=np.float64)
    except ValueError:
        return none
    return values if values.shape[1] == columns else none


def _natural_spline(x: Array, y: Array, at: Array) -> Array:
    """Return the natural cubic spline through the points (x, y), (n,) each with x rising, at the places ``at``."""
    step, slope = np.diff(x), np.diff(y) / np.diff(x)
    system = np.eye(len(x))
    for row in range(1, len(x) - 1):
        system[row, row - 1 : row + 2] = step[row - 1], 2 * (step[row - 1] + step[row]), step[row]
    bend = np.linalg.solve(system, np.concatenate([[0.0], 6 * np.diff(slope), [0.0]]))
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    before, after, width = at - x[left], x[left + 1] - at, step[left]
    curved = (bend[left] * after**3 + bend[left + 1] * before**3) / (6 * width)
    low, high = y[left] / width - bend[left] * width / 6, y[left + 1] / width - bend[left + 1] * width / 6
    spline: Array = curved + low * after + high * before
    return spline
