"""Transients: events on the sky, of which spectra are taken."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from classifier.names import name_key
from triage.models.classification import WAITING_STATES
from triage.models.decision import Decision
from triage.models.names import NameKeyField, validate_transient_name
from triage.models.other_name import OtherName
from triage.models.spectrum import Spectrum
from triage.models.tns_record import TnsRecord
from triage.models.transient_queries import TransientQuerySet


class Transient(models.Model):
    """One transient. All users share it, but only those who may see one of its spectra see its name.

    name: its unique name; ``other_names`` holds further ones.
    key: the name in the form in which names are compared. An audience has one transient of a key.
    group: the audience that it was made for, or None for everybody.
    ra, dec: degrees, ICRS, or None.
    redshift: heliocentric, None if unknown (0.0 is a value).
    redshift_error: its 1σ error, or None.
    redshift_origin: "host", "reviewer", "upload", "skyportal", or "".
    ebv: reddening E(B−V) in the Milky Way in its direction, mag, or None if unknown.
    host: name of its host galaxy, or "".
    simulated: whether it belongs to the demo night.
    """

    name = models.CharField(max_length=120, unique=True, validators=[validate_transient_name])
    key = NameKeyField()
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
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
    ebv = models.FloatField("E(B−V)", null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(20)])
    host = models.CharField(max_length=120, blank=True, default="", db_default="")
    simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    # Annotations of TransientQuerySet; a transient that was fetched without them lacks these.
    current_prediction_id: int | None
    predicted_class: str | None
    uncertainty: float | None
    priority: float | None
    standing_state: str
    standing_verdict: str
    standing_class: str
    standing_redshift: float | None
    automatic: bool
    hidden: bool
    claimed: bool
    failed: bool
    arrived_at: datetime
    known_names: list[OtherName]
    visible_spectra: list[Spectrum]
    visible_decisions: list[Decision]

    objects = TransientQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                name="transient_redshift_above_minus_one",
                condition=models.Q(redshift__isnull=True) | models.Q(redshift__gt=-1),
            ),
            models.UniqueConstraint(
                fields=("key",),
                condition=models.Q(group__isnull=True) & ~models.Q(key=""),
                name="one_public_transient_a_key",
            ),
            models.UniqueConstraint(
                fields=("key", "group"),
                condition=models.Q(group__isnull=False) & ~models.Q(key=""),
                name="one_transient_a_key_and_group",
            ),
        )
        indexes = (
            models.Index(fields=("-created_at", "-id"), name="transient_newest"),
            models.Index(fields=("key",), name="transient_key"),
        )

    def __str__(self) -> str:
        return self.name

    def is_called(self, name: str) -> bool:
        """Return whether a name is one of those in ``known_names`` or the usual one, in any spelling."""
        return name_key(name) in {self.key, *(other.key for other in self.known_names)}

    @property
    def review_state(self) -> str:
        """The state of its review, as the user sees it for whom ``for_review`` annotated it.

        "automatic" if a policy classified it and nobody has vetted it; "pending", or "in_review" if somebody is looking
        at it, while it waits for a decision; without a prediction and a decision "failed" if the network could classify
        none of its spectra, else "processing"; else its standing_state. TransientQuerySet.in_state filters by it.
        """
        waits = self.standing_state in WAITING_STATES
        if waits and self.automatic:
            return "automatic"
        if waits and self.current_prediction_id is not None:
            return "in_review" if self.claimed else "pending"
        return self.standing_state or ("failed" if self.failed else "processing")

    @property
    def tns(self) -> TnsRecord | None:
        """The answer of the TNS about it, or None if the TNS was not asked."""
        return getattr(self, "tns_record", None)
