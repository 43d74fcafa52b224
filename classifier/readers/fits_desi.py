"""DESI spectra and coadds: many targets in one file, each observed with three cameras."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers.fits_parts import FitsPart
from classifier.readers.limits import MAX_PARTS, MAX_ROWS
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import Array

_CAMERAS = ("B", "R", "Z", "BRZ")


def is_desi(hdus: Any) -> bool:
    """Tell whether the file has a FIBERMAP and extensions named like B_FLUX."""
    names = {hdu.name for hdu in hdus}
    return "FIBERMAP" in names and any(f"{camera}_FLUX" in names for camera in _CAMERAS)


def read_desi(hdus: Any, receipt: Receipt, corrections: Corrections) -> list[FitsPart]:
    """Return all targets but the sky fibres, or only the one whose TARGETID is ``corrections.target``.

    Raises SpectrumError ("target_missing", "too_many_spectra", "bad_fits").
    """
    receipt.format = "desi"
    ids, objects = _targets(hdus)
    wanted = [i for i in range(len(ids)) if objects[i] != "SKY"]
    receipt.guess("targets", len(wanted), f"the other {len(ids) - len(wanted)} fibres observed the sky", 1.0)
    if corrections.target is not None:
        wanted = [i for i in wanted if ids[i] == corrections.target.strip()]
        if not wanted:
            known = ", ".join(ids[:20]) + (", …" if len(ids) > 20 else "")
            raise SpectrumError("target_missing", f"the file has no target {corrections.target}: choose one of {known}")
    if len(wanted) > MAX_PARTS:
        raise SpectrumError(
            "too_many_spectra", f"the file holds {len(wanted)} targets, at most {MAX_PARTS} are read: name one"
        )
    cameras = [camera for camera in _CAMERAS if f"{camera}_FLUX" in hdus]
    grid, inverse = _grid([_vector(hdus[f"{camera}_WAVELENGTH"]) for camera in cameras])
    flux = _stack(hdus, cameras, "FLUX", wanted, inverse.size)
    ivar = _stack(hdus, cameras, "IVAR", wanted, inverse.size)
    receipt.guess(
        "cameras", "".join(cameras), "they were joined, and averaged by inverse variance where they overlap", 1.0
    )
    days = _days(hdus)
    return [
        FitsPart(
            grid,
            *_coadd(flux[row], ivar[row], inverse),
            "erg/s/cm2/Angstrom",
            "vacuum",
            ids[i],
            {"OBJECT": ids[i]} | ({"MJD-OBS": str(days[ids[i]])} if ids[i] in days else {}),
        )
        for row, i in enumerate(wanted)
    ]


def _days(hdus: Any) -> dict[str, float]:
    """Return the mean modified Julian day of each target's exposures, by its id; {} if the file does not list them."""
    for name in ("EXP_FIBERMAP", "FIBERMAP"):
        if name in hdus and {"TARGETID", "MJD"} <= set(hdus[name].columns.names):
            ids = np.asarray(hdus[name].data["TARGETID"])
            days = np.asarray(hdus[name].data["MJD"], dtype=np.float64)
            targets, place = np.unique(ids, return_inverse=True)
            means = np.bincount(place, days) / np.bincount(place)
            return dict(zip(map(str, targets.tolist()), means.tolist(), strict=True))
    return {}


def _targets(hdus: Any) -> tuple[list[str], list[str]]:
    table = hdus["FIBERMAP"].data
    ids = [str(target) for target in table["TARGETID"].tolist()]
    names = hdus["FIBERMAP"].columns.names
    objects = [str(kind).strip() for kind in table["OBJTYPE"]] if "OBJTYPE" in names else [""] * len(ids)
    return ids, objects


def _vector(hdu: Any) -> Array:
    values = np.asarray(hdu.data, dtype=np.float64)
    if values.ndim != 1 or values.size > MAX_ROWS:
        raise SpectrumError(
            "bad_fits", f"the extension {hdu.name} has the shape {values.shape}, not one row of wavelengths"
        )
    return values


def _grid(waves: list[Array]) -> tuple[Array, Any]:
    """Return the common grid of the cameras, (n,) Å, and the index in it of each of their samples."""
    # The cameras share one grid of 0.8 Å, up to rounding.
    grid, inverse = np.unique(np.round(np.concatenate(waves), 3), return_inverse=True)
    return np.asarray(grid), inverse


def _stack(hdus: Any, cameras: list[str], what: str, wanted: list[int], size: int) -> Array:
    stacked = np.concatenate([np.asarray(hdus[f"{camera}_{what}"].data[wanted]) for camera in cameras], axis=1)
    if stacked.shape[1] != size:
        raise SpectrumError(
            "bad_fits", f"the {what} extensions have {stacked.shape[1]} samples, but there are {size} wavelengths"
        )
    return stacked


def _coadd(flux: Array, ivar: Array, inverse: Any) -> tuple[Array, Array]:
    """Return the mean flux weighted by inverse variance, and its 1σ, on the common grid."""
    weight = np.where(np.isfinite(flux) & (ivar > 0), ivar, 0.0)
    total = np.bincount(inverse, weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(inverse, np.nan_to_num(flux) * weight) / total
        return mean, 1 / np.sqrt(total)
