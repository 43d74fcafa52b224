"""The event in the sky that spectra are taken of."""

from __future__ import annotations

import re
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from triage.querysets import TransientQuerySet

# A name is a path segment of the API, so it may hold anything but "/" and control characters.
validate_transient_name = RegexValidator(
    r"^[^/\x00-\x1f\x7f]+$", "A transient's name may not hold “/” or control characters.", code="bad_name"
)


# A designation as the IAU's naming gives it; the prefix says what is known of the object, not which one it is.
_IAU = re.compile(r"(?:SN|AT|TDE)? ?((?:19|20)\d\d(?:[A-Z]|[a-z]{2,5}))$")


def designation(name: str) -> str:
    """2026abc of SN2026abc, AT 2026abc and the like; "" for what is no designation of the IAU."""
    match = _IAU.match(name)
    return match[1] if match else ""


def spellings(name: str) -> list[str]:
    """How else an object of this name may be called: AT2026abc becomes SN2026abc once it is classified, and many leave
    the prefix out. Empty for what is no designation of the IAU."""
    bare = designation(name)
    return [bare, *(f"{prefix}{blank}{bare}" for prefix in ("SN", "AT", "TDE") for blank in ("", " "))] if bare else []


class Transient(models.Model):
    """One transient; shared by everybody, though its name shows only to those who may see a spectrum of it.

    What else it is called are its other_names. ra, dec: degrees, ICRS. redshift: heliocentric, None if unknown (0.0 is
    a value); redshift_origin says where it comes from ("host", "reviewer", "upload", "skyportal"). simulated marks the
    demo night.
    """

    name = models.CharField(max_length=120, unique=True, validators=[validate_transient_name])
    ra = models.FloatField(
        "right ascension (deg)",
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(360)],
    )
    dec = models.FloatField(
        "declination (deg)", null=True, blank=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    redshift = models.FloatField(null=True, blank=True)
    redshift_error = models.FloatField(null=True, blank=True)
    redshift_origin = models.CharField(max_length=40, blank=True)
    simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = TransientQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                name="transient_redshift_above_minus_one",
                condition=models.Q(redshift__isnull=True) | models.Q(redshift__gt=-1),
            ),
        )
        indexes = (models.Index(fields=("-created_at", "-id"), name="transient_newest"),)

    def __str__(self) -> str:
        return self.name
