"""The host's spectrum within a transient's, and a reading without it."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.errors import SpectrumError
from classifier.host_spectrum import GRID, IN_BAND, eigenspectra, host_flux, without_host
from classifier.readers import Corrections, read_spectrum
from classifier.spectrum import FluxKind
from tests.factories import observe
from tests.spectrum_files import text

REDSHIFT = 0.05
WAVELENGTH = GRID.grid() * (1 + REDSHIFT)
# A transient has broad features, which no galaxy has.
TRANSIENT = 1.2 + 0.3 * np.sin(np.linspace(0, 30, GRID.samples))


def blend(share: float, deviation: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a spectrum of 1 in the band with a share of host light, and that light.

    deviation: how much of the first eigenspectrum the galaxy has.
    """
    galaxies = eigenspectra()
    galaxy = galaxies[0] + deviation * galaxies[1]
    host = share * galaxy / galaxy[IN_BAND].mean()
    return (1 - share) * TRANSIENT / TRANSIENT[IN_BAND].mean() + host, host


def test_the_share_of_the_light_in_the_band_is_the_hosts() -> None:
    flux, _ = blend(0.4)
    found = host_flux(WAVELENGTH, flux, REDSHIFT, 0.4)
    assert found[IN_BAND].mean() == pytest.approx(0.4, abs=0.005)


@pytest.mark.parametrize("deviation", [-1.0, 1.0])
def test_the_host_that_was_blended_in_is_found_again_better_than_by_the_mean_galaxy(deviation: float) -> None:
    flux, host = blend(0.5, deviation)
    found = host_flux(WAVELENGTH, flux, REDSHIFT, 0.5)
    mean_galaxy = 0.5 * eigenspectra()[0]
    assert np.abs(found - host)[IN_BAND].mean() < 0.8 * np.abs(mean_galaxy - host)[IN_BAND].mean()


def test_the_fit_to_a_blend_with_the_mean_galaxy_stays_near_it() -> None:
    flux, host = blend(0.5)
    assert np.abs(host_flux(WAVELENGTH, flux, REDSHIFT, 0.5) - host)[IN_BAND].mean() < 0.02


def test_the_host_is_in_the_unit_of_the_flux_and_at_the_spectrums_own_samples() -> None:
    flux, _ = blend(0.3)
    found = host_flux(WAVELENGTH, flux, REDSHIFT, 0.3)
    assert host_flux(WAVELENGTH, 1e-17 * flux, REDSHIFT, 0.3) == pytest.approx(1e-17 * found, rel=1e-3, abs=0)
    twice = np.repeat(WAVELENGTH, 2)
    assert host_flux(twice, np.repeat(flux, 2), REDSHIFT, 0.3)[::2] == pytest.approx(found, rel=1e-6)
    assert host_flux(WAVELENGTH / (1 + REDSHIFT), flux, 0.0, 0.3) == pytest.approx(found, rel=1e-3)


def test_the_host_ends_where_the_galaxies_end() -> None:
    wavelength = np.arange(3000.0, 10500.0, 5.0)
    host = host_flux(wavelength, np.ones(wavelength.size), REDSHIFT, 0.4)
    known = wavelength[np.isfinite(host)]
    assert (known[0], known[-1]) == pytest.approx((GRID.first * 1.05, GRID.last * 1.05), abs=5)
    assert np.isfinite(host[(wavelength >= known[0]) & (wavelength <= known[-1])]).all()


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_beyond_the_galaxies_the_same_share_of_each_sample_is_taken_without_a_step(share: float) -> None:
    wavelength = np.arange(3000.0, 10500.0, 5.0)
    # It falls to the red, so a host as bright as at its end would lie above it.
    flux = (wavelength / 6000) ** -3 * (1 + 0.1 * np.sin(wavelength / 40))
    host = host_flux(wavelength, flux, REDSHIFT, share)
    kept = without_host(wavelength, flux, host) / flux
    known = np.flatnonzero(np.isfinite(host))
    for beyond, near in ((kept[: known[0]], kept[known[:20]]), (kept[known[-1] + 1 :], kept[known[-20:]])):
        assert beyond == pytest.approx(beyond[0], rel=1e-9, abs=0)
        assert beyond[0] == pytest.approx(np.clip(near.mean(), 0.05, 1), abs=0.05)


def test_a_spectrum_of_less_than_half_of_the_band_tells_no_host() -> None:
    flux, _ = blend(0.3)
    red = WAVELENGTH > 6500
    with pytest.raises(SpectrumError) as error:
        host_flux(WAVELENGTH[red], flux[red], REDSHIFT, 0.3)
    assert error.value.code == "host_unknown"
    assert "covers too little of 4000-7000 Å" in error.value.message


def test_a_spectrum_without_flux_in_the_band_tells_no_host_and_says_why() -> None:
    flux, _ = blend(0.3)
    with pytest.raises(SpectrumError) as error:
        host_flux(WAVELENGTH, flux - 2.0, REDSHIFT, 0.3)
    assert error.value.code == "host_unknown"
    assert "its mean flux over 4000-7000 Å in the rest frame is not positive" in error.value.message


def test_a_reading_without_the_host_has_the_rest_of_the_flux() -> None:
    seen = observe("SN Ia", redshift=REDSHIFT)
    content = text(np.asarray(seen.wavelength), np.asarray(seen.flux))
    whole = read_spectrum(content, "a.txt")
    without = read_spectrum(content, "a.txt", Corrections(host_light=0.4, host_redshift=REDSHIFT))
    host = host_flux(whole.spectrum.wavelength, whole.spectrum.flux, REDSHIFT, 0.4)
    left = without_host(whole.spectrum.wavelength, whole.spectrum.flux, host)
    assert without.spectrum.flux == pytest.approx(left, rel=1e-6, abs=0)
    assert (whole.receipt["host_light"], without.receipt["host_light"]) == (None, 0.4)


def test_a_spectrum_at_rest_needs_no_redshift_of_its_host() -> None:
    seen = observe("SN Ia", redshift=0.0)
    content = text(np.asarray(seen.wavelength), np.asarray(seen.flux))
    reading = read_spectrum(content, "a.txt", Corrections(frame="rest", host_light=0.4))
    assert reading.receipt["host_light"] == 0.4


def test_without_a_redshift_the_host_is_left_in_and_the_receipt_says_so() -> None:
    seen = observe("SN Ia", redshift=REDSHIFT)
    content = text(np.asarray(seen.wavelength), np.asarray(seen.flux))
    reading = read_spectrum(content, "a.txt", Corrections(host_light=0.4))
    assert reading.spectrum.flux == pytest.approx(read_spectrum(content, "a.txt").spectrum.flux, rel=1e-6, abs=0)
    assert reading.receipt["host_light"] is None
    assert "host_left" in [warning["code"] for warning in reading.receipt["warnings"]]


@pytest.mark.parametrize("kind", ["normalised", "flattened", "counts"])
def test_no_galaxy_is_taken_off_a_flux_that_is_no_f_lambda(kind: FluxKind) -> None:
    seen = observe("SN Ia", redshift=REDSHIFT)
    content = text(np.asarray(seen.wavelength), np.asarray(seen.flux))
    whole = read_spectrum(content, "a.txt", Corrections(flux_kind=kind))
    reading = read_spectrum(content, "a.txt", Corrections(flux_kind=kind, host_light=0.4, host_redshift=REDSHIFT))
    assert reading.spectrum.flux == pytest.approx(whole.spectrum.flux, rel=1e-6, abs=0)
    assert reading.receipt["host_light"] is None
    [message] = [one["message"] for one in reading.receipt["warnings"] if one["code"] == "host_left"]
    assert "the flux is no F_λ" in message


@pytest.mark.parametrize("share", [0.0, -0.2, 0.99, 1.5])
def test_a_share_that_leaves_nothing_or_takes_nothing_is_refused(share: float) -> None:
    with pytest.raises(SpectrumError, match="host_light must lie between"):
        Corrections(host_light=share)
