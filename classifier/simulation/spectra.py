"""Simulated spectra for the demo night and for tests, drawn from compact statistics of real classes.

A draw (see class_statistics) is redshifted, mixed with a host's light, blurred to an instrument's resolution, sampled
and made noisy.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from classifier.line_measurement import FWHM_PER_SIGMA
from classifier.simulation.class_statistics import PhaseStatistics, load_statistics
from classifier.spectrum import Array, Spectrum


@dataclasses.dataclass(frozen=True)
class Instrument:
    """Coverage and sampling in Å, and resolution as the FWHM in Å."""

    name: str
    first: float
    last: float
    step: float
    fwhm: float
    errors: bool


INSTRUMENTS = (
    Instrument("SEDM", 3776.7, 9223.3, 25.6, 65.0, True),
    Instrument("ALFOSC", 3600.0, 9600.0, 3.5, 16.0, True),
    Instrument("EFOSC2", 3650.0, 9240.0, 5.5, 18.0, False),
    Instrument("DBSP", 3400.0, 10000.0, 1.6, 7.0, True),
    Instrument("NGPS", 5500.0, 10000.0, 2.0, 6.0, True),
)


def simulate(
    class_name: str,
    random: np.random.Generator,
    *,
    redshift: float,
    instrument: Instrument,
    signal_to_noise: float,
    host_fraction: float = 0.0,
    phase: int = 0,
) -> Spectrum:
    """Return one simulated observation, in the observed frame.

    phase: number of the phase bin; the nearest one that the class has is taken.
    signal_to_noise: ratio in each sample, at the median flux.
    host_fraction: share of the light in 4000-7500 Å that is the host's.

    Raises KeyError for a class without statistics.
    """
    statistics = load_statistics()
    wavelength, flux = _draw_nearest(statistics, class_name, phase, random)
    if host_fraction:
        host_wavelength, host = _draw_nearest(statistics, "Galaxy", 0, random)
        flux = (1 - host_fraction) * flux + host_fraction * np.interp(wavelength, host_wavelength, host)
    observed = wavelength * (1 + redshift)
    low, high = max(instrument.first, observed[0]), min(instrument.last, observed[-1])
    grid = np.arange(low, high, instrument.step)
    sampled = np.interp(grid, observed, _blur(flux, wavelength, instrument.fwhm / 6000))
    level = float(np.median(sampled)) / signal_to_noise
    # Detectors and the sky are worst at the ends of the range.
    sigma = level * (1 + 1.5 * np.abs((grid - 6400) / 3200) ** 3)
    scale = 10 ** random.uniform(-17, -15)
    noisy = (sampled + sigma * random.standard_normal(grid.size)) * scale
    return Spectrum(
        grid,
        noisy,
        sigma * scale if instrument.errors else None,
        flux_kind="flam",
        instrument=instrument.name,
    )


def _draw_nearest(
    statistics: dict[tuple[str, int], PhaseStatistics], name: str, phase: int, random: np.random.Generator
) -> tuple[Array, Array]:
    phases = [number for other, number in statistics if other == name]
    if not phases:
        raise KeyError(name)
    chosen = statistics[name, min(phases, key=lambda number: abs(number - phase))]
    return chosen.wavelength, chosen.draw(random)


def _blur(flux: Array, wavelength: Array, relative_fwhm: float) -> Array:
    step = float(np.log(wavelength[1] / wavelength[0]))
    sigma = relative_fwhm / FWHM_PER_SIGMA / step
    reach = int(np.ceil(4 * sigma)) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 0.3)) ** 2)
    padded = np.pad(flux, reach, mode="edge")
    blurred: Array = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return blurred


def write_ascii(spectrum: Spectrum, header: dict[str, str]) -> bytes:
    """Return the spectrum as a text file: ``# KEY: value`` lines, then wavelength (Å), flux and the error if it is
    known.
    """
    columns = [spectrum.wavelength, spectrum.flux]
    if spectrum.flux_error is not None:
        columns.append(spectrum.flux_error)
    names = "wavelength flux" + (" flux_error" if len(columns) == 3 else "")
    lines = [f"# {key}: {value}" for key, value in header.items()] + [f"# {names}"]
    lines += [" ".join([f"{row[0]:.2f}", *(f"{v:.5e}" for v in row[1:])]) for row in zip(*columns, strict=True)]
    return ("\n".join(lines) + "\n").encode()
