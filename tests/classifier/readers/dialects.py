"""Text and JSON files as scripts and services write them, all with the same spectrum."""

from __future__ import annotations

import json

import astropy.units as u
import numpy as np
from astropy.table import Table

from tests.spectrum_files import FLUX, WAVELENGTH, by_astropy, text

W, F = WAVELENGTH, FLUX
E = 0.05 * FLUX


FLAM = u.Unit("erg/(s cm2 AA)")


def spelt(row: str) -> bytes:
    """Return 300 rows of text: ``row`` formatted with the index i, wavelength w and flux f of each sample."""
    lines = [row.format(i=i, w=w, f=f) for i, (w, f) in enumerate(zip(W, F, strict=True))]
    return "\n".join(lines).encode()


GERMAN = text(W, F, separator=";").replace(b".", b",")


SAME: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + text(W, F),
    "UTF-16": "\ufeff# wave flux\n".encode("utf-16-le") + text(W, F).decode().encode("utf-16-le"),
    "UTF-16, big end first": b"\xfe\xff" + text(W, F).decode().encode("utf-16-be"),
    "UTF-16 without its mark": text(W, F).decode().encode("utf-16-le"),
    "line ends of old Macs": text(W, F).replace(b"\n", b"\r"),
    "Latin-1": "# Étoile, λ\n".encode("latin-1", "replace") + text(W, F),
    "padding of zeros": text(W, F) + bytes(600),
    "the end-of-file sign of DOS": text(W, F) + b"\x1a",
    "decimal commas and semicolons": GERMAN,
    "decimal commas and tabs": text(W, F, separator="\t").replace(b".", b","),
    "decimal commas within quotes": spelt('"{w:.2f}";"{f:.5g}"').replace(b".", b","),
    "thousands parted within quotes": b"wave,flux\n" + spelt('"{w:,.2f}",{f:.5g}'),
    "Fortran exponents": text(W, F, form="{:.6E}").replace(b"E", b"D"),
    "an index before the columns": b",wavelength,flux\n" + spelt("{i},{w:.3f},{f:.5g}"),
    "an index without a name": spelt("{i} {w:.3f} {f:.5g}"),
    "columns between bars": b"| wave | flux |\n|------|------|\n" + spelt("| {w:.2f} | {f:.5g} |"),
    "bars between columns": text(W, F, separator=" | "),
    "brackets around rows": spelt("({w:.2f}, {f:.5g}),"),
    "the object's name in each row": b"name,wavelength,flux\n" + spelt("SN2020abc,{w:.2f},{f:.5g}"),
    "a word in each row": spelt("wl {w:.2f} {f:.5g}"),
    "remarks behind rows": spelt("{w:.2f} {f:.5g} # fine"),
    "how many rows follow": b"300 2\n" + text(W, F),
    "a date in numbers": b"2020 1 2\n" + text(W, F),
    "flux first": text(F, W),
    "flux first, named": b"flux,wave\n" + text(F, W, separator=","),
    "descending": text(W[::-1], F[::-1]),
    "log10 of wavelengths": text(np.log10(W), F, form="{:.9g}"),
    "ln of wavelengths": text(np.log(W), F, form="{:.9g}"),
    "ln of wavelengths, named": b"# ln_lambda flux\n" + text(np.log(W), F, form="{:.9g}"),
    "metres": b"# wave(m) flux\n" + text(W * 1e-10, F, form="{:.7g}"),
    "log10 of flux, named": b"# wave log_flux\n" + text(W, np.log10(F)),
    "observed beside rest": b"# lambda_rest lambda_obs flux\n" + text(W / 1.05, W, F),
    "ECSV": by_astropy(Table({"wavelength": W / 10 * u.nm, "flux": F * FLAM}), "ascii.ecsv"),
    "ECSV, errors first": by_astropy(Table({"flux_err": E * FLAM, "flux": F * FLAM, "wave": W * u.AA}), "ascii.ecsv"),
    "IPAC": by_astropy(Table({"wave": W / 10 * u.nm, "flux": F * FLAM}), "ascii.ipac"),
    "fixed width": by_astropy(Table({"wave": W, "flux": F}), "ascii.fixed_width"),
    "reStructuredText": by_astropy(Table({"wave": W, "flux": F}), "ascii.rst"),
    "machine-readable table": by_astropy(Table({"wave": W * u.AA, "flux": F * FLAM}), "ascii.mrt"),
    "JSON rows": json.dumps(np.column_stack([W, F]).tolist()).encode(),
    "JSON columns": json.dumps({"wavelength": (W / 10).tolist(), "wavelength_unit": "nm", "flux": F.tolist()}).encode(),
}
