"""The host's light within a spectrum, as the review page draws it.

Web pages use this module, so it does not load PyTorch.
"""

from __future__ import annotations

from classifier.errors import SpectrumError
from classifier.host_spectrum import host_flux
from classifier.spectrum import Array
from triage.models import Prediction


def flux_of_host(prediction: Prediction, wavelength: Array, flux: Array, *, at_rest: bool) -> Array | None:
    """Return the flux of the host at each sample, (n,) in the unit of ``flux``; NaN where it is not known.

    prediction: prediction of the spectrum; the share of host light stands beside it.
    wavelength: (n,) Å, ascending, in the frame that the spectrum came in.
    flux: (n,) F_λ in any unit.
    at_rest: whether the spectrum came in the rest frame.

    Returns None if no share is told.
    """
    redshift = 0.0 if at_rest else prediction.redshift_used
    if prediction.host_share is None or redshift is None:
        return None
    try:
        return host_flux(wavelength, flux, redshift, prediction.host_share)
    except SpectrumError:
        return None
