"""Absolute magnitudes, and what they say about the class."""

from __future__ import annotations

import math

import numpy as np
import pytest

from classifier.luminosity import Luminosity, combined, distance_modulus, load_table, luminosity, surprise
from classifier.maximum import Maximum
from classifier.taxonomy import load_taxonomy

TABLE = load_table()


def top(magnitude: float, error: float = 0.02, band: str = "r") -> Maximum:
    return Maximum(f"ztf{band}", band, 60_000.0, magnitude, error, True, 2.0)


def of_magnitude(absolute: float, error: float = 0.3) -> Luminosity:
    return Luminosity(absolute, error, 38.0, 0.0, None)


def test_the_table_names_classes_that_a_network_may_predict_and_their_sources() -> None:
    assert set(TABLE.classes) <= set(load_taxonomy().trained)
    assert all(entry.source for entry in TABLE.classes.values())
    # Only these were read in their sources; the documentation says so.
    assert {name: entry.checked for name, entry in TABLE.classes.items() if entry.checked} == {
        "SN Ia": ("mean",),
        "SLSN-I": ("mean", "sigma"),
    }


@pytest.mark.parametrize(("redshift", "modulus"), [(0.01, 33.25), (0.1, 38.39), (1.0, 44.16)])
def test_the_distance_modulus_is_that_of_planck_2018(redshift: float, modulus: float) -> None:
    # Planck 2018: H0 = 67.66 km/s/Mpc, Ωm = 0.3111.
    assert distance_modulus(redshift) == pytest.approx(modulus, abs=0.01)


def test_an_absolute_magnitude_is_corrected_for_distance_stretching_and_the_milky_way() -> None:
    plain = luminosity(top(18.0), 0.1, None, None)
    assert plain.magnitude == pytest.approx(18.0 - plain.distance_modulus + 2.5 * math.log10(1.1))
    assert plain.extinction is None
    reddened = luminosity(top(18.0), 0.1, None, 0.1)
    assert plain.magnitude - reddened.magnitude == pytest.approx(0.2285)


def test_near_transients_and_uncertain_redshifts_have_uncertain_magnitudes() -> None:
    assert luminosity(top(15.0), 0.002, None, None).error > 1.5
    assert luminosity(top(18.0), 0.1, None, None).error < 0.4
    assert luminosity(top(18.0), 0.1, 0.05, None).error > 1.0
    with pytest.raises(ValueError, match="no distance"):
        luminosity(top(12.0), 0.001, None, None)


@pytest.mark.parametrize("name", TABLE.classes)
@pytest.mark.parametrize("error", [0.05, 2.0])
def test_a_density_sums_to_one_and_its_integral_is_the_share_of_brighter_ones(name: str, error: float) -> None:
    entry, grid = TABLE.classes[name], np.arange(-45.0, 25.0, 0.01)
    density = np.array([entry.density(magnitude, error) for magnitude in grid])
    assert density.sum() * 0.01 == pytest.approx(1, abs=1e-3)
    # Dust in the host makes the mean fainter.
    assert (density * grid).sum() * 0.01 == pytest.approx(entry.mean + entry.faint_tail, abs=0.01)
    below = grid < entry.mean
    assert entry.brighter(entry.mean, error) == pytest.approx(density[below].sum() * 0.01, abs=0.01)


def test_brightness_tells_a_superluminous_supernova_from_a_usual_one() -> None:
    alone = {"SLSN-I": 0.48, "SN Ic": 0.4, "SN Ia": 0.12}
    bright = combined(alone, of_magnitude(-21.4), covered=True)
    assert bright["SLSN-I"] > 0.97
    assert sum(bright.values()) == pytest.approx(1)
    assert combined(alone, of_magnitude(-17.5), covered=True)["SLSN-I"] < 0.05


def test_a_magnitude_after_maximum_speaks_against_faint_classes_alone() -> None:
    alone = {"SLSN-I": 0.5, "SN Ic": 0.5}
    assert combined(alone, of_magnitude(-21.4), covered=False)["SLSN-I"] > 0.95
    # Both may have been as bright as this at maximum.
    assert combined(alone, of_magnitude(-15.0), covered=False)["SLSN-I"] == pytest.approx(0.5, abs=0.02)


def test_dust_makes_a_faint_member_of_a_class_likelier_than_a_bright_one() -> None:
    table, mean = TABLE, TABLE.classes["SN Ia"].mean
    faint = table.likelihood("SN Ia", mean + 1.5, 0.1, covered=True)
    assert faint > 2 * table.likelihood("SN Ia", mean - 1.5, 0.1, covered=True)


def test_no_brightness_rules_a_class_out_and_an_unknown_class_has_a_broad_density() -> None:
    assert all(
        TABLE.likelihood(name, -40.0, 0.1, covered=covered) > 0 for name in TABLE.classes for covered in (True, False)
    )
    broad = {TABLE.likelihood("AGN", magnitude, 0.1, covered=True) for magnitude in (-24.0, -18.0, -8.0)}
    assert broad == {1 / 20}
    assert TABLE.likelihood("AGN", -15.0, 0.1, covered=False) == pytest.approx(0.5)


def test_a_magnitude_that_no_object_of_a_class_has_is_odd_and_an_unknown_class_is_never_odd() -> None:
    table = load_table()
    assert table.oddity("SN Ia", -19.2, 0.3, covered=True) < 0.01
    assert table.oddity("SN Ia", -23.5, 0.3, covered=True) > 0.99
    # If the maximum was not seen, the transient is odd only if it is too bright.
    assert table.oddity("SN Ia", -12.0, 0.3, covered=False) < 0.05
    assert table.oddity("SN Ia", -23.5, 0.3, covered=False) > 0.99
    assert table.oddity("AGN", -30.0, 0.3, covered=True) == 0


def test_a_brightness_surprises_if_it_moves_probability_or_fits_no_class() -> None:
    usual, huge = Luminosity(-19.2, 0.3, 38.0, 0.0, None), Luminosity(-24.9, 0.3, 38.0, 0.0, None)
    superluminous = Luminosity(-21.4, 0.3, 38.0, 0.0, None)
    assert surprise({"SN Ia": 0.99, "SN II": 0.01}, usual, covered=True) < 0.05
    assert surprise({"SN Ia": 0.5, "SLSN-I": 0.5}, superluminous, covered=True) > 0.4
    assert surprise({"SN Ia": 0.99, "SN II": 0.01}, huge, covered=True) > 0.99
    assert surprise({"AGN": 1.0, "SN II": 0.0}, huge, covered=True) == pytest.approx(0)
