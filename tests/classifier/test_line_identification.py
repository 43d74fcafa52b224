"""Spectral lines named in the description of an attribution."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.line_identification import Stretch, describe, ejecta_of, line_name, stretches
from classifier.lines import LIGHT_SPEED, LINES, element, line_list, velocity
from classifier.taxonomy import load_taxonomy


def described(peaks: dict[float, float], class_name: str = "SN Ia", redshift: float = 0.05, known: bool = True) -> str:
    """Describe an attribution made of Gaussian peaks.

    peaks: rest wavelength (Å) → height.
    known: whether the redshift is given to the description.
    """
    wavelength = np.geomspace(2000, 11000, 256) * (1 + redshift)
    values = np.zeros(256)
    for at, height in peaks.items():
        values += height * np.exp(-0.5 * ((wavelength / (1 + redshift) - at) / 40) ** 2)
    return describe(class_name, wavelength, values, redshift if known else None)


def test_the_most_important_line_is_named_at_the_usual_velocity_of_its_gas() -> None:
    words = described({6140: 1.0, 5450: 0.3})
    assert words.startswith("Si II 6355 (")
    assert "S II 56" in words or "S II 54" in words
    assert words.endswith("spoke most for SN Ia")


def test_narrow_lines_of_other_classes_are_named_at_their_own_wavelength() -> None:
    assert described({4861: 1.0}, "AGN").startswith("Hβ 4861 (")


def test_a_line_against_the_class_is_named_if_it_weighs_enough() -> None:
    assert "; against it Hα 6563 (" in described({5876: 0.9, 6563: -0.9}, "AGN")
    assert "against" not in described({5876: 0.9, 6563: -0.1}, "AGN")


def test_a_line_that_the_class_does_not_show_is_given_as_a_range() -> None:
    words = described({6300: 1.0}, "SN II", redshift=0.0)
    assert "Si II" not in words
    assert "Å (97 %) spoke most for SN II" in words
    assert "Si II" not in described({6150: -0.9, 6500: 1.0}, "SN II")


@pytest.mark.parametrize("class_name", load_taxonomy().names)
@pytest.mark.parametrize("at", [3900.0, 4686.0, 5600.0, 6150.0, 6355.0, 6563.0, 6678.0, 7065.0, 8400.0])
def test_only_lines_of_the_class_are_named_whatever_spoke(class_name: str, at: float) -> None:
    words = described({at: 1.0, at - 900: -0.8}, class_name)
    entry = load_taxonomy().find(class_name)
    assert entry is not None
    named = [name for name, _ in LINES if f"{name} " in words.replace(class_name, "")]
    assert {element(name) for name in named} <= set(entry.lines)


@pytest.mark.parametrize("class_name", load_taxonomy().names)
def test_a_line_is_named_only_at_a_velocity_that_the_class_has(class_name: str) -> None:
    entry = load_taxonomy()[class_name]
    ejecta = ejecta_of(entry)
    wavelengths = {f"{name} {at:.0f}": at for at, name, _ in line_list()}
    for rest in np.arange(3500.0, 9500.0, 20.0):
        name = line_name(Stretch(1.04 * rest, 1.06 * rest, 1.05 * rest, 1.0), class_name, 0.05)
        if name is not None:
            speed = -velocity(1.05 * rest, wavelengths[name], 0.05)
            assert abs(speed - ejecta.velocity) <= ejecta.reach, (name, rest)


def test_a_line_of_a_spectrum_in_vacuum_is_named_at_its_place_in_vacuum() -> None:
    # Hα of an AGN may be 3500 km/s from rest. In air this peak would be 3550 km/s away, in vacuum it is 83 km/s nearer.
    peak = 6562.8 * (1 + 3550 / LIGHT_SPEED)
    assert -velocity(peak, 6562.8, 0.0) < -3500 < -velocity(peak, 6562.8, 0.0, vacuum=True)
    stretch = Stretch(peak - 20, peak + 20, peak, 1.0)
    assert line_name(stretch, "AGN", 0.0) is None
    assert line_name(stretch, "AGN", 0.0, vacuum=True) == "Hα 6563"


@pytest.mark.parametrize("class_name", ["SN II", "SN IIb", "SN IIn", "SLSN-II", "TDE"])
def test_helium_is_not_named_where_broad_hydrogen_covers_it(class_name: str) -> None:
    for at in (6400.0, 6563.0, 6640.0, 6678.0):
        assert "He I 6678" not in described({at: 1.0}, class_name)
    assert "He I 6678" in described({6480.0: 1.0}, "SN Ib")
    assert "He I 6678" in described({6678.0: 1.0}, "Cataclysmic")


@pytest.mark.parametrize("class_name", ["SN Ic", "SN Ic-BL", "SLSN-I"])
def test_the_weaker_silicon_lines_are_named_in_thermonuclear_supernovae_alone(class_name: str) -> None:
    assert "Si II 5972" in described({5770.0: 1.0}, "SN Ia")
    for at in (4000.0, 5600.0, 5770.0):
        assert not {"Si II 5972", "Si II 4130"} & set(described({at: 1.0}, class_name).split(" ("))
    assert "Si II 6355" in described({6100.0: 1.0}, class_name)


@pytest.mark.parametrize("class_name", load_taxonomy().names)
def test_no_line_speaks_for_and_against_a_class(class_name: str) -> None:
    for at in (3945.0, 4861.0, 5169.0, 5876.0, 6355.0, 6563.0, 8567.0):
        words = described({at - 10: 1.0, at - 160: -0.9, at + 130: -0.9}, class_name)
        supporting, _, opposing = words.partition("; against it ")
        names = [f"{name} {line:.0f}" for line, name, _ in line_list()]
        assert not [name for name in names if name in supporting and name in opposing], words


def test_narrow_lines_of_interacting_supernovae_are_not_named_far_from_rest() -> None:
    assert described({6563: 1.0}, "SN IIn").startswith("Hα 6563 (")
    assert described({6360: 1.0}, "SN IIn").startswith("66")
    assert described({6360: 1.0}, "SN II").startswith("Hα 6563 (")


def test_one_line_is_never_named_for_and_against_the_class() -> None:
    words = described({6560: 1.0, 6420: -0.9}, "SN II")
    assert words.count("Hα 6563") == 1
    assert "; against it" in words


def test_without_a_redshift_wavelengths_are_named_instead_of_lines() -> None:
    words = described({6140: 1.0}, known=False)
    assert "Å" in words
    assert "Si II" not in words


def test_a_flat_attribution_names_nothing() -> None:
    assert described({}) == "No single wavelength decided for SN Ia"


def test_the_weightiest_stretch_comes_first_and_negative_values_are_ignored() -> None:
    wavelength = np.linspace(4000, 8000, 401)
    values = np.where((wavelength > 5000) & (wavelength < 5100), 0.5, 0.0)
    values[(wavelength > 6000) & (wavelength < 6500)] = 1.0
    values[(wavelength > 7000) & (wavelength < 7900)] = -1.0
    first, second = stretches(wavelength, values)
    assert (first.first, first.last) == (6010, 6490)
    assert (second.first, second.last) == (5010, 5090)
    assert first.share + second.share == 1


@pytest.mark.parametrize(("peak", "named"), [(6300, None), (6480, "He I 6678"), (6120, None)])
def test_oxygen_of_a_late_spectrum_is_not_called_fast_helium(peak: float, named: str | None) -> None:
    assert line_name(Stretch(peak - 50, peak + 50, peak, 0.5), "SN Ib", 0.0) == named
