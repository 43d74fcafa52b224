"""Checks of a finished spectrum: they add warnings to the receipt and never change a number."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from classifier.readers.receipt import Receipt
from classifier.resampling import PreprocessConfig
from classifier.signal_to_noise import signal_to_noise
from classifier.spectrum import Spectrum

# Wavelength range that the classifier uses, how much of it an answer needs, and what is still little, Å.
_OPTICAL, _ENOUGH, _LITTLE = PreprocessConfig.optical_range, PreprocessConfig.need_optical_angstrom, 2000.0

# Absorption bands of atmospheric oxygen: the trough, then the continuum on its blue and red sides, Å.
_OXYGEN = (
    ((7594.0, 7640.0), (7500.0, 7575.0), (7700.0, 7770.0)),
    ((6868.0, 6890.0), (6800.0, 6855.0), (6950.0, 7020.0)),
)
_DEPTH = 0.12
_REST_WORDS = re.compile(
    r"(de-?redshift|rest[ -]?frame|rest[ -]?wave|doppler[ -]?corrected|\bdopcor|"
    r"redshift[ -]corrected|corrected (for|by) (the )?redshift|"
    r"(shifted|moved|transformed) to (the )?(rest|z ?= ?0(?![.\d])))",
    re.I,
)
_DENIED = re.compile(r"\bnot\b[^.,;\n]*", re.I)
# Keys whose value says whether a redshift was taken out, and keys whose value names the frame.
_REST_KEYS = re.compile(r"DOPCOR\d{0,2}|DE[-_]?REDSHI\w*|REST[-_]?FRA?M\w*|Z[-_]?CORR(ECTED)?", re.I)
_FRAME_KEYS = re.compile(r"((WAVE|WL|SPEC|REDSHIFT)[-_ ]?)?FRAME?", re.I)
# A shift of so many km/s corrects for the motion of the Earth. Redshifts are smaller numbers.
_EARTH = re.compile(r"-?[1-9]\d?\.\d+(?=\s|$)")
_NO = re.compile(r"F|FALSE|NO?|NONE|UNKNOWN|[-+]?0*\.?0*", re.I)
# Codes that compute spectra, and words by which a file or its object says that it is computed. Headers of observations
# mention models too ("MODEL: 22" of SEDM, a model of Vega), so there a line must begin with one of a spectrum.
_CODES = r"synapps|syn\+\+|synow|tardis|cmfgen"
_MODEL_NAMES = re.compile(rf"(?<![a-z])({_CODES}|models?|synthetic|synth)(?![a-z])", re.I)
_MODEL_LINES = re.compile(
    rf"(?<![a-z])({_CODES})(?![a-z])|^\W*(an? |the )?(model|synthetic|template)[ -]spectr(um|a)\b", re.I | re.M
)
_REST_NAMES = re.compile(r"(?<![a-z])(rest|restframe|deredshifted|dez|z0)(?![a-z0-9]|\.\d)", re.I)


def add_warnings(spectrum: Spectrum, receipt: Receipt) -> None:
    """Warn of little coverage, noise, negative flux, telluric bands, models, and wavelengths that may be at rest."""
    _coverage(spectrum, receipt)
    if said := _MODEL_NAMES.search("\n".join([*receipt.names, spectrum.object_name or ""]).replace("_", " ")):
        _warn_model(receipt, said[0], "a name in it")
    signal = signal_to_noise(spectrum.wavelength, spectrum.flux, spectrum.flux_error)
    if signal and signal.warning:
        receipt.warn(signal.warning, signal.message)
    negative = float((spectrum.flux < 0).mean())
    if negative > 0.2 and spectrum.flux_kind != "flattened":
        receipt.warn(
            "flux_negative", f"{negative:.0%} of the flux values are negative: the sky may be badly subtracted"
        )
    if spectrum.frame == "rest" or "frame" in receipt.corrections:
        return
    if mentions_rest_frame(". ".join(receipt.beside.values())):
        warn_rest_frame(receipt, "the table beside the file mentions the rest frame")
    elif _REST_NAMES.search(receipt.name.replace("_", " ")):
        warn_rest_frame(receipt, "the file's name mentions the rest frame")
    _telluric(spectrum, receipt)


def warn_model_in_header(receipt: Receipt, header: str) -> None:
    """Warn if the lines of a header say that the spectrum was computed."""
    if said := _MODEL_LINES.search(header):
        _warn_model(receipt, said[0].strip(" #"), "its header")


def _warn_model(receipt: Receipt, words: str, where: str) -> None:
    if all(warning["code"] != "looks_model" for warning in receipt.warnings):
        receipt.warn("looks_model", f"the file calls itself a model and no observation: {where} says “{words}”")


def warn_rest_frame(receipt: Receipt, evidence: str) -> None:
    """Warn that a spectrum looks de-redshifted, unless the user stated the frame or the warning is there already.

    evidence: why it looks so, for people.
    """
    if "frame" not in receipt.corrections and all(
        warning["code"] != "looks_rest_frame" for warning in receipt.warnings
    ):
        receipt.warn(
            "looks_rest_frame",
            f"the spectrum may be in the rest frame already: {evidence}. If so, set the redshift frame to rest",
        )


def mentions_rest_frame(text: str) -> bool:
    """Tell whether words say that the wavelengths are in the rest frame ("not de-redshifted" does not)."""
    return _REST_WORDS.search(_DENIED.sub("", text)) is not None


def rest_frame_evidence(header: Mapping[str, str]) -> str | None:
    """Return the key of a header that says that the wavelengths are in the rest frame, with its value, or None.

    header: values by key, in upper case.
    """
    for key, value in header.items():
        stated = value.strip()
        in_rest_frame = (_FRAME_KEYS.fullmatch(key) and re.match(r"rest\b", stated, re.I)) or (
            key == "SPECSYS" and stated.upper() in ("REST", "SOURCE")
        )
        shifted = _REST_KEYS.fullmatch(key) and not _NO.fullmatch(stated) and not _EARTH.match(stated)
        if in_rest_frame or shifted:
            return f"the header gives {key} {stated[:40]}"
    said = next((key for key, value in header.items() if mentions_rest_frame(value)), None)
    return None if said is None else f"{said} in the header mentions the rest frame"


def _coverage(spectrum: Spectrum, receipt: Receipt) -> None:
    first, last = spectrum.wavelength_range
    optical = max(0.0, min(last, _OPTICAL[1]) - max(first, _OPTICAL[0]))
    if optical < _ENOUGH:
        receipt.warn(
            "coverage_too_small",
            f"only {optical:.0f} Å of the optical are covered: too little to classify the spectrum",
        )
    elif optical < _LITTLE:
        receipt.warn("coverage_small", f"only {optical:.0f} Å of the optical are covered: expect an uncertain class")


def _telluric(spectrum: Spectrum, receipt: Receipt) -> None:
    """Warn if both oxygen bands absorb.

    At their own wavelengths they were not corrected for. At wavelengths shifted by the stated redshift they show that
    the spectrum was moved to the rest frame after the observation.
    """
    if _has_oxygen(spectrum, 0.0):
        receipt.warn(
            "telluric_uncorrected",
            "oxygen of the atmosphere absorbs at 6870 and 7600 Å: the telluric bands were not corrected for",
        )
    elif spectrum.redshift is not None and spectrum.redshift > 0.004 and _has_oxygen(spectrum, spectrum.redshift):
        warn_rest_frame(receipt, f"the oxygen band of the atmosphere lies at 7600 Å / (1 + {spectrum.redshift:.4g})")


def _has_oxygen(spectrum: Spectrum, redshift: float) -> bool:
    depths = []
    for trough, blue, red in _OXYGEN:
        inside, left, right = (_mean(spectrum, band, redshift) for band in (trough, blue, red))
        if inside is None or left is None or right is None or left + right <= 0:
            return False
        # The trough must lie below both sides, because a mere slope is not a band.
        depths.append(1 - inside / min(left, right) if min(left, right) > 0 else 0.0)
    return depths[0] > _DEPTH and depths[1] > _DEPTH / 3


def _mean(spectrum: Spectrum, band: tuple[float, float], redshift: float) -> float | None:
    low, high = np.searchsorted(spectrum.wavelength, np.array(band) / (1 + redshift))
    return float(np.median(spectrum.flux[low:high])) if high - low >= 2 else None
