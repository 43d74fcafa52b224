"""Brightness: what a light curve says about the class, beside a prediction."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Prefetch
from django.utils import timezone

from classifier.bands import band_of
from triage.models.audience import AudienceQuerySet, User
from triage.models.photometry import Photometry
from triage.models.prediction import Prediction


class NoBrightness(models.TextChoices):
    """Reason why a light curve gives no absolute magnitude."""

    NO_REDSHIFT = "no_redshift", "no redshift is known"
    TOO_NEAR = "too_near", "the redshift is too small to give a distance"
    NO_ZERO_POINT = "no_zero_point", "the fluxes of the light curve have no zero point"
    NO_MEASUREMENT = "no_measurement", "no optical filter has a good measurement within a year of the spectrum"
    TOO_UNCERTAIN = "too_uncertain", "the distance is too uncertain"


class BrightnessQuerySet(AudienceQuerySet["Brightness"]):
    """Answers of light curves, each visible to the audience of these. They are fetched with predictions alone."""

    def forget(self, transient_id: int) -> None:
        """Remove a transient's rows and ask for new ones, because not everybody may see them any more."""
        # The worker locks in this order too.
        BrightnessDue.objects.mark(transient_id)
        self.filter(prediction__spectrum__transient=transient_id).delete()

    def for_reader(self, user: User, path: str = "") -> Prefetch[str]:
        """Return the prefetch that ``Prediction.brightness`` reads.

        path: lookup of the prediction from the rows that are fetched, such as ``"current_prediction__"``.
        """
        return Prefetch(f"{path}brightnesses", self.visible_to(user), to_attr="visible_brightnesses")


class Brightness(models.Model):
    """Absolute magnitude at maximum, and the classes' probabilities with it. The prediction stays as it was.

    A row is made for each audience of light curves: from those that everybody sees, and those of the group.

    prediction: current prediction of a spectrum, whose ``redshift_used`` gives the distance.
    group: the audience of the light curves, or None for everybody.
    problem: why there is no absolute magnitude, or "". If there is none, the rest is None or empty.
    points: measurements that the light curves have.
    filter: filter of the brightest night.
    mjd: time of that night.
    magnitude, error: apparent magnitude of that night and its 1σ error.
    covered: whether the light curve shows the maximum. If not, the maximum was at least so bright.
    distance_modulus, k_correction: mag; see classifier.luminosity.
    extinction: in the Milky Way, mag, or None if E(B−V) is not known.
    absolute, absolute_error: absolute magnitude and its 1σ error.
    absolute_then, absolute_then_error: the same at the time of the spectrum in the same filter, or None if the date is
        not known or no night lies near it (see classifier.maximum.magnitude_at).
    surprise: how much the magnitude changes the answer, 0–1 (see classifier.luminosity.surprise).
    class_name: the most probable class with the magnitude.
    probabilities: probability of each class with the magnitude; they sum to 1 and are not calibrated.
    phase: rest-frame days from maximum to the spectrum, or None if one of the two times is not known.
    phase_error: its 1σ error in days, or None.
    table: version of the table of luminosities.
    made_at: when.
    """

    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="brightnesses")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    problem = models.CharField(max_length=20, choices=NoBrightness.choices, blank=True)
    points = models.PositiveIntegerField()
    filter = models.CharField(max_length=40, blank=True)
    mjd = models.FloatField(null=True, blank=True)
    magnitude = models.FloatField(null=True, blank=True)
    error = models.FloatField(null=True, blank=True)
    covered = models.BooleanField(null=True, blank=True)
    distance_modulus = models.FloatField(null=True, blank=True)
    k_correction = models.FloatField(null=True, blank=True)
    extinction = models.FloatField(null=True, blank=True)
    absolute = models.FloatField(null=True, blank=True)
    absolute_error = models.FloatField(null=True, blank=True)
    absolute_then = models.FloatField(null=True, blank=True)
    absolute_then_error = models.FloatField(null=True, blank=True)
    surprise = models.FloatField(null=True, blank=True)
    class_name = models.CharField(max_length=60, blank=True)
    probabilities = models.JSONField(default=dict, blank=True)
    phase = models.FloatField(null=True, blank=True)
    phase_error = models.FloatField(null=True, blank=True)
    table = models.CharField(max_length=20)
    made_at = models.DateTimeField(auto_now_add=True)

    objects = BrightnessQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "brightnesses"
        constraints = (
            models.UniqueConstraint(
                fields=("prediction",), condition=models.Q(group__isnull=True), name="one_public_brightness"
            ),
            models.UniqueConstraint(
                fields=("prediction", "group"),
                condition=models.Q(group__isnull=False),
                name="one_brightness_a_group",
            ),
        )

    def __str__(self) -> str:
        """Return the absolute magnitude in words, such as “M_r = −21.4”, or the problem."""
        if self.absolute is None:
            return self.get_problem_display()
        value = f"M_{self.band} = {self.absolute:.1f}".replace("-", "−")
        return value if self.covered else f"{value} or brighter"

    @property
    def band(self) -> str:
        """Return the band of the filter as it is written, such as "r" or "V"."""
        band = band_of(self.filter) or ""
        return band.upper() if band in ("b", "v") else band

    @property
    def probability(self) -> float | None:
        """Return the probability of ``class_name`` with the magnitude, or None without one."""
        share: float | None = self.probabilities.get(self.class_name)
        return share

    @property
    def of_predicted(self) -> float:
        """Return the probability that the class of the prediction has with the magnitude."""
        share: float = self.probabilities[self.prediction.class_name]
        return share


class BrightnessDueQuerySet(models.QuerySet["BrightnessDue"]):
    """Transients whose brightness is to be computed."""

    def mark(self, transient_id: int) -> None:
        """Have a transient's brightness computed. Call this in the transaction that changes what it depends on."""
        # The update waits for a worker that is computing with the old facts, so that it cannot take this mark away.
        self.bulk_create(
            [BrightnessDue(transient_id=transient_id)],
            update_conflicts=True,
            unique_fields=("transient",),
            update_fields=("since",),
        )

    def mark_if_measured(self, transient_id: int) -> None:
        """Have a transient's brightness computed if it has a light curve."""
        if Photometry.objects.filter(transient=transient_id).exists():
            self.mark(transient_id)


class BrightnessDue(models.Model):
    """A transient whose light curve or prediction has changed since its brightness was computed.

    transient: the transient.
    since: when it changed last.
    """

    transient = models.OneToOneField("triage.Transient", on_delete=models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField(default=timezone.now)

    objects = BrightnessDueQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "brightnesses due"

    def __str__(self) -> str:
        return f"transient {self.transient_id}"
