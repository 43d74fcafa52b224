"""FITS images with a row for each fibre, and a table that names the object of each, as 2dF and its kin write them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astropy.io import fits

from classifier.readers.fits_parts import FitsPart, medium_of
from classifier.readers.receipt import Corrections, Receipt
from classifier.readers.units import sigma
from classifier.spectrum import Array

_NAME = re.compile(r"(name|object|target|objname|obj_?id|targetid)", re.I)
_TYPE = re.compile(r"(type|objtype|use)", re.I)
# Types of fibres without an object: sky, guide star, unused.
_NO_OBJECT = re.compile(r"(s|sky|f|g|guide|n|u|unused|parked|dead)", re.I)
_VARIANCE = re.compile(r"^var", re.I)


def fibre_objects(hdus: Any, rows: int) -> list[str | None]:
    """Return the name of each fibre's object, None for one on the sky, or [] if no table gives them for all rows."""
    for hdu in hdus:
        if not isinstance(hdu, fits.BinTableHDU) or int(hdu.header["NAXIS2"]) != rows:
            continue
        columns = [column for column in hdu.columns.names if _NAME.fullmatch(column)]
        if not columns:
            continue
        # A name tells people more than a number does.
        name = min(columns, key=lambda column: column.lower().endswith("id"))
        kind = next((column for column in hdu.columns.names if _TYPE.fullmatch(column)), None)
        kinds = [str(value).strip() for value in hdu.data[kind]] if kind else [""] * rows
        names = [str(value).strip() for value in hdu.data[name]]
        return [None if _NO_OBJECT.fullmatch(k) else n for n, k in zip(names, kinds, strict=True)]
    return []


def read_fibres(
    hdu: Any, hdus: Any, objects: list[str | None], axis: Array, receipt: Receipt, corrections: Corrections
) -> list[FitsPart]:
    """Return the spectrum of each fibre that observed an object.

    objects: name of each fibre's object, None for those without one.
    axis: (samples,) wavelengths in Å.
    """
    flux = np.asarray(hdu.data, dtype=np.float64).reshape(len(objects), -1)
    variance = next(
        (h for h in hdus if isinstance(h, fits.ImageHDU) and _VARIANCE.search(h.name) and h.shape == hdu.shape), None
    )
    error = None
    if variance is not None and corrections.third_column != "ignore":
        receipt.guess("error_column", {"extension": variance.name, "kind": "variance"}, "its name", 0.9)
        error = sigma(np.asarray(variance.data, dtype=np.float64).reshape(flux.shape), "variance")
    wanted = [number for number, name in enumerate(objects) if name is not None]
    others = len(objects) - len(wanted)
    evidence = f"the table of fibres names them, and {others} further fibres hold no object"
    receipt.guess("targets", len(wanted), evidence, 0.95)
    unit, medium = str(hdu.header.get("BUNIT", "")), medium_of(hdu.header)
    return [
        FitsPart(
            axis,
            flux[number],
            None if error is None else error[number],
            unit,
            medium,
            label=objects[number],
            header={"OBJECT": str(objects[number])},
        )
        for number in wanted
    ]
