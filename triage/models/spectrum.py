"""A spectrum on its way: the file as it came, what was read from it, and where its processing stands."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from triage.querysets import SpectrumQuerySet

# Codes of files of which no correction makes a spectrum.
HOPELESS = frozenset({"binary", "empty_file", "markup"})


class Original(models.Model):
    """A file kept byte for byte. In the database, so that a spectrum and its file are stored together or not at all,
    and every worker on every machine can read it again."""

    sha256 = models.CharField(max_length=64, unique=True)
    content = models.BinaryField()
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.sha256[:12]


class SpectrumState(models.TextChoices):
    QUEUED = "queued", "waiting for the network"
    CLASSIFIED = "classified", "classified"
    FAILED = "failed", "could not be classified"
    QUARANTINED = "quarantined", "could not be read"


class Spectrum(models.Model):
    """One spectrum of one transient.

    group: None, every signed-in user may see it; else only that group's members.
    part: 0, 1, … where one file holds several epochs or targets.
    reading: counts how often the original was read; a correction reads it again as reading + 1.
    lease_until, lease_token, attempts: who works on it until when; see triage.inference.
    """

    transient = models.ForeignKey(
        "triage.Transient", on_delete=models.PROTECT, related_name="spectra", null=True, blank=True
    )
    group = models.ForeignKey(
        Group, on_delete=models.PROTECT, null=True, blank=True, related_name="spectra", db_index=False
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="spectra")
    sha256 = models.CharField(max_length=64)
    filename = models.CharField(max_length=255)
    part = models.PositiveIntegerField(default=0)
    reading = models.PositiveIntegerField(default=1)
    corrections = models.JSONField(default=dict, blank=True)
    receipt = models.JSONField(default=dict, blank=True)

    observed_at = models.DateTimeField(null=True, blank=True)
    instrument = models.CharField(max_length=120, blank=True)
    stated_redshift = models.FloatField(
        null=True,
        blank=True,
        help_text="Given with the upload; a redshift in the file's header stays in the receipt.",
    )
    wavelength_min = models.FloatField(null=True, blank=True)
    wavelength_max = models.FloatField(null=True, blank=True)
    # A fixed-length outline of the flux for lists (see triage.outline), so that they never touch the arrays.
    outline = models.JSONField(default=list, blank=True)
    simulated = models.BooleanField(default=False)
    # See triage.duplicates; the earlier record has the same audience or a wider one.
    centre = models.FloatField(null=True, blank=True, db_index=True, help_text="mean wavelength in Å by |flux|")
    width = models.FloatField(null=True, blank=True, help_text="standard deviation of the wavelengths in Å by |flux|")
    likely_duplicate_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="likely_duplicates"
    )

    state = models.CharField(max_length=12, choices=SpectrumState.choices, default=SpectrumState.QUEUED)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_reason = models.TextField(blank=True)
    # Two projections, kept so that lists need no search: the newest prediction of this reading (set by
    # triage.inference), and whether a standing decision calls the spectrum bad (set by triage.review).
    current_prediction = models.ForeignKey(
        "triage.Prediction", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    rejected = models.BooleanField(default=False)
    # A projection of the acts, by triage.quarantine: put aside by somebody as not worth mending.
    discarded = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = SpectrumQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "spectra"
        constraints = (
            models.UniqueConstraint(
                fields=("sha256", "part"),
                condition=models.Q(group__isnull=True),
                name="spectrum_once_in_public",
            ),
            models.UniqueConstraint(
                fields=("sha256", "part", "group"),
                condition=models.Q(group__isnull=False),
                name="spectrum_once_in_a_group",
            ),
        )
        indexes = (
            models.Index(fields=("id",), condition=models.Q(state="queued"), name="spectrum_queued"),
            # Whether a transient has a prediction, and before whom, from the index alone.
            models.Index(
                fields=("transient", "group"),
                condition=models.Q(current_prediction__isnull=False, rejected=False),
                name="spectrum_predicted",
            ),
            models.Index(fields=("transient", "state"), name="spectrum_transient_state"),
            models.Index(fields=("group", "transient"), name="spectrum_audience"),
            models.Index(fields=("state", "-created_at"), name="spectrum_state_created"),
        )

    def __str__(self) -> str:
        return self.file_label

    @property
    def file_label(self) -> str:
        """The file's name, with that of the file in it where it is an archive: "night.zip: path/inside.fits"."""
        member = self.receipt.get("member")
        return f"{self.filename}: {member}" if member else self.filename

    @property
    def at_rest(self) -> bool:
        """The wavelengths are rest-frame ones, as the file or the user says."""
        return bool(self.receipt.get("frame") == "rest")

    @property
    def correctable(self) -> bool:
        """Whether it helps to state how the file is to be read."""
        return self.failure_code not in HOPELESS

    @property
    def looks_like_light_curve(self) -> bool:
        """Its wavelengths are times."""
        times = ("is a time", "dates of a light curve")
        return self.failure_code == "no_wavelengths" and any(words in self.failure_reason for words in times)


class SpectrumArrays(models.Model):
    """The samples, little-endian float32, apart from the record so that lists stay small.

    wavelength (Å), flux and flux_error (1σ; None where the file gives none) hold the same number of samples.
    """

    spectrum = models.OneToOneField(Spectrum, on_delete=models.CASCADE, primary_key=True, related_name="arrays")
    wavelength = models.BinaryField()
    flux = models.BinaryField()
    flux_error = models.BinaryField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "spectrum arrays"

    def __str__(self) -> str:
        return f"arrays of spectrum {self.spectrum_id}"
