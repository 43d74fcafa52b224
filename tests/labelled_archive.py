"""A small file of labelled spectra, with the columns of the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.factories import observe


def write_archive(path: Path) -> None:
    """Forty objects of four classes, three spectra each, as the real file has them."""
    rows = []
    for number in range(40):
        label, redshift = [("SN Ia", 0.05), ("SN II", 0.02), ("AGN", 0.3), ("Star", 0.0)][number % 4]
        for epoch in range(3):
            spectrum = observe(label, seed=10 * number + epoch, redshift=redshift)
            rows.append(
                {
                    "object_id": f"object-{number}",
                    "object": f"SN {number}",
                    "raw_label": "SN IIP" if number % 2 else "Ia",
                    "label": label,
                    "redshift": redshift if number % 10 else float("nan"),
                    "date": f"2020-01-{epoch + 1:02}",
                    "instrument": "ALFOSC",
                    "real": True,
                    "frame": "observed",
                    "wavelength": spectrum.wavelength.astype(np.float32),
                    "flux": (spectrum.flux / np.median(spectrum.flux)).astype(np.float32),
                }
            )
    pq.write_table(pa.Table.from_pylist(rows), path)
