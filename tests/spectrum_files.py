"""Spectrum files in all the formats that astronomers share, made from one pair of arrays."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from classifier.readers import Reading

Array = NDArray[Any]

WAVELENGTH: Array = np.linspace(3800, 9200, 300)
FLUX: Array = 1e-15 * (2 + np.sin(WAVELENGTH / 40) + WAVELENGTH / 5000)
LOG_STEP = 1e-4
LOG_WAVELENGTH: Array = 10 ** (3.58 + LOG_STEP * np.arange(3800))
LOG_FLUX: Array = 2 + np.sin(LOG_WAVELENGTH / 40)


def text(*columns: Array, separator: str = " ", head: str = "", form: str = "{:.6g}") -> bytes:
    rows = [separator.join(form.format(value) for value in row) for row in zip(*columns, strict=True)]
    return (head + "\n".join(rows) + "\n").encode()


def write(*hdus: Any) -> bytes:
    buffer = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(buffer, output_verify="ignore")
    return buffer.getvalue()


def image(values: Array, **header: Any) -> bytes:
    """Return a FITS file with a primary image; ``__`` in a keyword stands for ``-``."""
    hdu = fits.PrimaryHDU(values.astype(np.float32))
    for key, value in header.items():
        hdu.header[key.replace("__", "-")] = value
    return write(hdu)


def table(columns: Mapping[str, tuple[Array, str]], **header: Any) -> bytes:
    """Return a FITS file with a binary table.

    columns: name → (values, unit); values with two axes are stored as arrays within rows.
    """
    made = [
        fits.Column(name, "D" if values.ndim == 1 else f"{values.shape[1]}D", unit=unit or None, array=values)
        for name, (values, unit) in columns.items()
    ]
    hdu = fits.BinTableHDU.from_columns(made)
    hdu.header.update(header)
    return write(fits.PrimaryHDU(), hdu)


def multispec(fluxes: Array, specs: Sequence[str]) -> bytes:
    """Return an IRAF multispec file.

    fluxes: (apertures, samples).
    specs: description of each aperture's dispersion, which is split into cards of 68 characters as IRAF does.
    """
    said = "wtype=multispec " + " ".join(f'spec{i} = "{spec}"' for i, spec in enumerate(specs, 1))
    header: dict[str, Any] = {"CTYPE1": "MULTISPE", "CTYPE2": "MULTISPE", "WAT0_001": "system=multispec", "WCSDIM": 3}
    header["WAT1_001"] = "wtype=multispec label=Wavelength units=angstroms"
    for number, start in enumerate(range(0, len(said), 68), 1):
        header[f"WAT2_{number:03}"] = said[start : start + 68]
    return image(fluxes, **header)


def spspec() -> bytes:
    """Return an image of the first SDSS releases: flux, continuum-subtracted flux, error and mask."""
    rows = np.stack([LOG_FLUX, LOG_FLUX * 0, np.full(LOG_FLUX.size, 0.1), LOG_FLUX * 0])
    return image(rows, COEFF0=3.58, COEFF1=LOG_STEP, CRVAL1=3.58, CD1_1=LOG_STEP, DC__FLAG=1, Z=0.12)


def sdss_spec() -> bytes:
    """Return a spec-PLATE-MJD-FIBER file of later SDSS releases, with the redshift in a second table."""
    coadd = fits.BinTableHDU.from_columns(
        [
            fits.Column("flux", "E", array=LOG_FLUX),
            fits.Column("loglam", "E", array=np.log10(LOG_WAVELENGTH)),
            fits.Column("ivar", "E", array=np.where(np.arange(3800) < 10, 0, 100.0)),
            fits.Column("and_mask", "J", array=np.zeros(3800)),
            fits.Column("sky", "E", array=LOG_FLUX * 9),
        ],
        name="COADD",
    )
    found = fits.BinTableHDU.from_columns([fits.Column("Z", "E", array=[0.25])], name="SPECOBJ")
    return write(fits.PrimaryHDU(), coadd, found)


def desi(ids: Sequence[int], objects: Sequence[str], ballast: int = 0) -> bytes:
    """Return a DESI file with three overlapping cameras; the mean flux of a target is its index plus one.

    ids, objects: TARGETID and OBJTYPE of each target.
    ballast: size in bytes of an extension that no reader needs, like the resolution matrices.
    """
    fibermap = fits.BinTableHDU.from_columns(
        [fits.Column("TARGETID", "K", array=np.array(ids)), fits.Column("OBJTYPE", "3A", array=np.array(objects))],
        name="FIBERMAP",
    )
    hdus: list[Any] = [fits.PrimaryHDU(), fibermap, fits.ImageHDU(np.zeros(ballast, np.uint8), name="B_RESOLUTION")]
    for camera, first, last in (("B", 3600, 5800), ("R", 5760, 7620), ("Z", 7520, 9824)):
        wave = np.arange(first, last + 0.1, 0.8)
        flux = np.outer(np.arange(len(ids)) + 1, 1 + 0.1 * np.sin(wave / 50)).astype(np.float32)
        hdus.append(fits.ImageHDU(wave, name=f"{camera}_WAVELENGTH"))
        hdus.append(fits.ImageHDU(flux, name=f"{camera}_FLUX"))
        hdus.append(fits.ImageHDU(np.full(flux.shape, 4.0, np.float32), name=f"{camera}_IVAR"))
    return write(*hdus)


def lnw(ages: Sequence[float], samples: int = 1024) -> bytes:
    """Return a SNID template: a header line, two knots of a continuum fit, the ages (days) and the flattened fluxes.

    The continuum falls from 2 to 0.5 between the first and the last sample, as a power law of the sample's number.
    """
    wave = 2500 * (10000 / 2500) ** (np.arange(samples) / samples)
    inside = (wave > 3500) & (wave < 9000)
    lines = [
        f"{len(ages):5d}{samples:5d}{2500.0:10.2f}{10000.0:10.2f}{2:7d}     {'sn1990N':12}   1.50  Ia-norm    1  1"
    ]
    lines.append("      2" + "".join(f"  2{0.5:14.5f}" for _ in ages))
    ends = ((1, 0.0, math.log10(2)), (2, math.log10(samples), -math.log10(2)))
    lines += [f"{knot:7d}" + "".join(f"{x:10.4f}{y:10.4f}" for _ in ages) for knot, x, y in ends]
    lines.append("       0" + "".join(f"{age:9.3f}" for age in ages))
    for w, covered in zip(wave, inside, strict=True):
        lines.append(f"{w:8.2f}" + "".join(f"{covered * np.sin(w / 60 + age):9.3f}" for age in ages))
    return "\n".join(lines).encode()


def skyportal(**fields: Any) -> dict[str, Any]:
    """Return a spectrum as SkyPortal's API gives it, with some fields replaced."""
    return {
        "id": 7,
        "obj_id": "ZTF26aabcdef",
        "wavelengths": WAVELENGTH.tolist(),
        "fluxes": FLUX.tolist(),
        "errors": None,
        "units": "erg/s/cm/cm/AA",
        "observed_at": "2026-03-04T05:06:07",
        "instrument_name": "SEDM",
        "telescope_name": "P60",
        "altdata": {"EXPTIME": 1800.0, "RA": "00:04:25.70"},
        **fields,
    }


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def zipped(members: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(name, content)
    return buffer.getvalue()


def wiserep_csv(*rows: Mapping[str, str]) -> bytes:
    """Return a metadata table as WISeREP puts it into its bundles."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8-sig")


def by_astropy(table: Table, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO() if form == "votable" else io.StringIO()
    table.write(buffer, format=form, **options)
    content = buffer.getvalue()
    return content if isinstance(content, bytes) else content.encode()


def same(reading: Reading, wavelength: Any = WAVELENGTH, flux: Any = FLUX) -> bool:
    """Return whether a reading has the given wavelengths (Å), and the given flux up to a factor."""
    read = reading.spectrum
    if read.wavelength.shape != wavelength.shape or not np.allclose(read.wavelength, wavelength, rtol=2e-5):
        return False
    ratio = read.flux / flux
    return bool(np.allclose(ratio, np.median(ratio), rtol=2e-3))


def fits_cards(*cards: str, data: bytes = b"") -> bytes:
    """Return a FITS extension with exactly these cards, even if they are wrong."""
    header = b"".join(card.ljust(80).encode() for card in (*cards, "END"))
    return header.ljust(-(-len(header) // 2880) * 2880) + data


def primary(*cards: str, data: bytes = b"") -> bytes:
    return fits_cards("SIMPLE  =                    T", "BITPIX  =                  -64", *cards, data=data)
