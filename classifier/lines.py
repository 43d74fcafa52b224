"""Spectral lines that reviewers look for (rest wavelengths in air, Å; NIST ASD) and telluric bands (in air too)."""

from __future__ import annotations

from classifier.taxonomy import load_taxonomy

LINES: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("Hδ", (4101.7,)),
    ("Hγ", (4340.5,)),
    ("Hβ", (4861.3,)),
    ("Hα", (6562.8,)),
    ("He I", (4471.5, 5875.6, 6678.2, 7065.2)),
    ("He II", (4685.7, 5411.5)),
    ("C II", (6580.0,)),
    ("C III", (4647.4, 5695.9)),
    ("N III", (4640.6,)),
    ("O I", (7774.0,)),
    ("[O I]", (5577.3, 6300.3, 6363.8)),
    ("[O II]", (3727.5,)),
    ("[O III]", (4363.2, 4958.9, 5006.8)),
    ("[N II]", (6548.1, 6583.4)),
    ("[S II]", (6716.4, 6730.8)),
    ("Na I", (5892.9,)),
    ("Mg I]", (4571.1,)),
    ("Mg II", (2798.0, 4481.2)),
    ("Si II", (4130.0, 5972.0, 6355.0)),
    ("S II", (5433.0, 5606.0)),
    ("Ca II", (3945.0, 8567.0)),
    ("[Ca II]", (7291.5, 7323.9)),
    ("Fe II", (4924.0, 5018.0, 5169.0)),
    ("[Fe II]", (5158.8, 7155.2, 8617.0)),
    ("Fe III", (4420.0, 5129.0)),
    ("[Fe III]", (4658.1, 4701.5, 5270.4)),
    ("[Co III]", (5888.5, 5906.8)),
)

# Elements whose lines a reviewer looks for together. N III 4641 is the Bowen blend.
LINE_SETS: dict[str, tuple[str, ...]] = {
    "host": ("H", "[O II]", "[O III]", "[N II]", "[S II]", "Na I", "Ca II"),
    "flash": ("H", "He II", "C III", "N III"),
    "nebular": ("[O I]", "Mg I]", "[Ca II]", "Na I", "[Fe II]", "[Fe III]", "[Co III]"),
}

# After this phase (rest-frame days from maximum) a supernova is taken to be nebular.
NEBULAR_FROM = 100.0

# Bright lines of the night sky, whose rest left after a poor subtraction looks like emission: Å in the observed frame.
SKY = ((5577.3, "sky [O I]"), (5892.9, "sky Na I"), (6300.3, "sky [O I]"), (6363.8, "sky [O I]"), (8399.2, "sky OH"))

# The O2 B band, the water band at 7200 Å and the O2 A band, first and last Å in the observed frame.
TELLURIC = ((6860.0, 6960.0), (7150.0, 7340.0), (7590.0, 7710.0))

BALMER = ("Hα", "Hβ", "Hγ", "Hδ")
LIGHT_SPEED = 299_792.458  # km/s


def element(name: str) -> str:
    """Return the element that a line belongs to: "H" for the Balmer lines, else the line's own name."""
    return "H" if name in BALMER else name


ELEMENTS = tuple(dict.fromkeys(element(name) for name, _ in LINES))

# Drawn when the class is unknown or must not be given away.
COMMON = ("H", "He I", "O I", "Si II", "Ca II", "Fe II")


def elements_of(class_name: str | None) -> tuple[str, ...]:
    """Return the elements whose lines spectra of a class show, by the taxonomy.

    class_name: a class, or None if unknown. COMMON is returned for None and for a class without lines of its own.
    """
    entry = load_taxonomy().find(class_name) if class_name else None
    return (entry.lines if entry else ()) or COMMON


def in_vacuum(air: float) -> float:
    """Return the wavelength (Å) in vacuum of a line at a wavelength in air, after Morton 2000 (ApJS 130, 403)."""
    squared = (1e4 / air) ** 2
    return air * (1 + 8.34254e-5 + 2.406147e-2 / (130 - squared) + 1.5998e-4 / (38.9 - squared))


def velocity(wavelength: float, line: float, redshift: float, *, vacuum: bool = False) -> float:
    """Return the velocity (km/s, relativistic) that moves a line to where it was found; negative towards us.

    wavelength: where the line was found, Å.
    line: its rest wavelength in air, Å.
    redshift: redshift of the transient; 0 for a spectrum in the rest frame.
    vacuum: whether the first wavelength is in vacuum, and not in air.
    """
    rest = in_vacuum(line) if vacuum else line
    squared = (wavelength / (rest * (1 + redshift))) ** 2
    return LIGHT_SPEED * (squared - 1) / (squared + 1)


def line_list() -> list[tuple[float, str, str]]:
    """Return (rest wavelength in Å, name, element) of every line, by ascending wavelength."""
    return sorted((at, name, element(name)) for name, places in LINES for at in places)
