"""Words for what records hold: codes, times and redshifts.

A code that is not in the table is shown with spaces for underscores.
"""

from __future__ import annotations

import math
from datetime import datetime, time
from decimal import Decimal

WORDS = {
    # Reasons why a file could not be read or classified.
    "bad_archive": "damaged archive",
    "bad_correction": "no such correction",
    "bad_fits": "damaged FITS file",
    "bad_gzip": "damaged gzip file",
    "bad_json": "damaged JSON",
    "bad_lnw": "damaged SNID template",
    "bad_redshift": "impossible redshift",
    "bad_snana": "damaged SNANA file",
    "bad_votable": "damaged VOTable",
    "bad_wcs": "impossible wavelength axis",
    "binary": "neither text nor FITS",
    "constant_flux": "flux is constant",
    "empty_file": "empty file",
    "gave_up": "the network gave up",
    "host_unknown": "the host’s light cannot be told",
    "insufficient_coverage": "covers too little",
    "line_too_long": "lines too long",
    "markup": "a web page",
    "metadata_table": "metadata only",
    "no_arrays": "no numbers in it",
    "no_flux": "no flux",
    "no_spectrum": "no spectrum in it",
    "no_table": "no table in it",
    "no_wavelengths": "no wavelengths",
    "no_wcs": "no wavelength axis",
    "not_one_dimensional": "a picture",
    "one_column": "one column only",
    "part_missing": "part is gone",
    "reader_error": "could not be read",
    "shape_mismatch": "lengths differ",
    "target_missing": "no such target",
    "too_few_points": "too few points",
    "too_large": "too large",
    "too_many_files": "too many files",
    "too_many_rows": "too many rows",
    "too_many_spectra": "too many spectra",
    "unsupported_archive": "unknown archive",
    "unsupported_wcs": "unknown wavelength axis",
    "wavelength_order": "wavelengths out of order",
    "wavelength_unit": "wavelength unit",
    # Warnings on a receipt.
    "column_names_ignored": "column names not used",
    "coverage_small": "covers little",
    "coverage_too_small": "covers too little",
    "date_contradicted": "dates differ",
    "date_future": "date has not come yet",
    "date_impossible": "impossible date",
    "date_unreadable": "unreadable date",
    "error_unusable": "errors not used",
    "flux_contradicted": "flux is not what the header says",
    "featureless": "no feature stands out",
    "flux_negative": "negative flux",
    "header_mended": "header breaks the standard",
    "rows_left_out": "rows of the image left out",
    "host_left": "host light left in",
    "host_spectrum": "perhaps the host",
    "names_differ": "two names",
    "looks_rest_frame": "perhaps in the rest frame",
    "looks_model": "perhaps a model",
    "manifest_partly_used": "manifest not all used",
    "member_not_read": "not read",
    "members_left_out": "left out",
    "orders_joined": "orders joined",
    "part_not_read": "not read",
    "scale_contradicted": "scale is not what the header says",
    "telluric_uncorrected": "telluric lines left in",
    "truncated": "cut short",
    "unit_unknown": "unknown unit",
    "unit_contradicted": "unit is not what the header says",
    # Guesses on a receipt, which can be corrected.
    "flux_coefficient": "flux factor",
    "flux_kind": "kind of flux",
    "frame": "redshift frame",
    "host_light": "host light taken off",
    "host_redshift": "redshift of the host",
    "medium": "measured in",
    "observed_at": "date",
    "phase_days": "phase (days)",
    "third_column": "third column",
    "abmag": "AB magnitudes",
    "angstrom": "Å",
    "flam": "F_λ",
    "fnu": "F_ν",
    "ignore": "none of these",
    "ivar": "inverse variance",
    "ln_angstrom": "ln of Å",
    "log10_angstrom": "log₁₀ of Å",
    "rest": "rest frame",
    "um": "µm",
    # States of a spectrum.
    "queued": "waits for the network",
    "failed": "could not be classified",
    "quarantined": "could not be read",
}


def value_in_words(value: object) -> str:
    """Return the words for a code; names and column titles are returned as they are."""
    return WORDS.get(str(value), str(value))


def in_words(code: object) -> str:
    """Return the words for a code. Anything that is not a code is returned as it is."""
    text = str(code)
    return WORDS.get(text, text.replace("_", " ") if text.isidentifier() and text.islower() else text)


# A redshift of more decimals than this was computed, not given.
_MOST_GIVEN = 6
# Decimals of a computed redshift whose error is not known.
_WITHOUT_ERROR = 4


def moment_in_words(at: datetime) -> str:
    """Return a time in UTC: "2026-11-20 03:04 UTC". Midnight sharp is a date that was given without a time."""
    return f"{at:%Y-%m-%d}" if at.time() == time(0) else f"{at:%Y-%m-%d %H:%M} UTC"


def redshift_in_words(value: float, error: float | None = None) -> str:
    """Return a redshift with the digits that it has, such as "0.0312 ± 0.0004".

    error: 1σ, or None if it is not known. An error that is not positive counts as unknown.

    The error is rounded to two digits, and the redshift to as many decimals. Neither has more decimals than were given.
    Without an error, a redshift is shown as it was given, and a computed one with four decimals, or as many as show a
    digit of a tiny one.
    """
    error = error if error and error > 0 else None
    given = max(_decimals(value), _decimals(error or 0.0))
    if error:
        decimals = min(given, max(1 - math.floor(math.log10(error)), 0))
    elif given > _MOST_GIVEN:
        decimals = max(_WITHOUT_ERROR, -math.floor(math.log10(abs(value))))
    else:
        decimals = given
    rounded = round(value, decimals) or 0.0  # Turns -0.0 into 0.0.
    return f"{rounded:.{decimals}f}" + (f" ± {error:.{decimals}f}" if error else "")


def _decimals(value: float) -> int:
    """Return how many decimals a number has: 2 for 0.03."""
    exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
