"""Input of the classifier from a stored spectrum: its samples, and the redshift that people settled on."""

from __future__ import annotations

import math

import numpy as np

from classifier.errors import SpectrumError
from classifier.spectrum import FluxKind, Frame
from classifier.spectrum import Spectrum as SpectrumValue
from triage.models import Spectrum, SpectrumArrays
from triage.models.arrays import unpack


def spectrum_value(spectrum: Spectrum, arrays: dict[int, SpectrumArrays]) -> SpectrumValue:
    """Return a stored spectrum as the classifier takes it.

    spectrum: the record.
    arrays: stored samples by the id of their spectrum.

    Raises SpectrumError if the samples are missing or unusable.
    """
    stored = arrays.get(spectrum.pk)
    if stored is None:
        raise SpectrumError("no_arrays", "the samples of this spectrum are not in the database")
    wavelength, index = np.unique(unpack(stored.wavelength), return_index=True)
    frame: Frame = "rest" if spectrum.at_rest else "observed"
    flux_kind: FluxKind = spectrum.receipt.get("flux_kind") or "unknown"
    return SpectrumValue(wavelength, unpack(stored.flux)[index], frame=frame, flux_kind=flux_kind)


def settled_redshift(spectrum: Spectrum) -> float:
    """Return the reviewer's redshift, else the known one, else NaN.

    spectrum: a vetted one, as ``SpectrumQuerySet.vetted`` annotates it.
    """
    transient = spectrum.transient
    known = (spectrum.vetted_redshift, spectrum.stated_redshift, transient.redshift if transient else None)
    return next((value for value in known if value is not None), math.nan)
