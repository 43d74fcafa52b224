"""Spectra: the file as it came, what was read from it, and how far its processing has come."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.dateparse import parse_datetime

from classifier.names import name_key
from classifier.signal_to_noise import NO_CLASS
from triage.models.audience import AudienceQuerySet, User
from triage.models.blind_sample import owes_blind_vote
from triage.models.classification import Classification

# Failure codes of files that no correction can turn into a spectrum.
HOPELESS = frozenset({"binary", "empty_file", "markup"})


class OriginalManager(models.Manager["Original"]):
    """Original files, each kept once."""

    def keep(self, contents: Mapping[str, bytes]) -> dict[str, Original]:
        """Store files unless they are stored already, and return their records without the bytes, by SHA-256.

        contents: the bytes of each file by its SHA-256, in hexadecimal digits.
        """
        # Everybody stores in one order, so that two who send the same files never wait for each other.
        files = [Original(sha256=key, content=content, size=len(content)) for key, content in sorted(contents.items())]
        self.bulk_create(files, ignore_conflicts=True)
        return self.defer("content").in_bulk(list(contents), field_name="sha256")


class Original(models.Model):
    """A file kept byte for byte.

    Files are stored in the database, so that a spectrum and its file are stored together or not at all, and every
    worker on every machine can read the file again.

    sha256: SHA-256 of the content.
    content: the bytes.
    size: number of bytes.
    created_at: when it was stored.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    content = models.BinaryField()
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OriginalManager()

    def __str__(self) -> str:
        return self.sha256[:12]


class SpectrumState(models.TextChoices):
    """State of a spectrum's processing."""

    QUEUED = "queued", "waiting for the network"
    CLASSIFIED = "classified", "classified"
    FAILED = "failed", "could not be classified"
    QUARANTINED = "quarantined", "could not be read"


# Values of a spectrum that waits for the network and that no worker has tried.
_IN_BACKLOG = {
    "state": SpectrumState.QUEUED,
    "failure_code": "",
    "failure_reason": "",
    "attempts": 0,
    "lease_until": None,
    "lease_token": "",
}


class SpectrumQuerySet(AudienceQuerySet["Spectrum"]):
    """Spectra, each visible to everybody or to one group."""

    def in_time_order(self) -> Self:
        """Order by the time of observation. Spectra of unknown time come last."""
        return self.order_by(F("observed_at").asc(nulls_last=True), "id")

    def unnamed(self) -> Self:
        """Return the spectra that were read, wait for a name and are not discarded."""
        return self.filter(transient__isnull=True, discarded=False).exclude(state=SpectrumState.QUARANTINED)

    def classified_originals(self) -> Self:
        """Return the spectra with a prediction, without copies of another such spectrum of the same transient."""
        copies = Q(likely_duplicate_of__transient=F("transient"), likely_duplicate_of__current_prediction__isnull=False)
        return self.filter(current_prediction__isnull=False).exclude(copies)

    def with_part_of_file_name(self, part: str) -> Self:
        """Return the spectra of transients with a text in the name of their file, also as a name without its prefix."""
        contains, key = Q(filename__icontains=part), name_key(part)
        if key:
            contains |= Q(filename__icontains=key)
        return self.filter(contains, transient__isnull=False)

    def not_classified(self) -> Self:
        """Return the spectra of transients that the network could not classify, without discarded ones."""
        return self.filter(state=SpectrumState.FAILED, transient__isnull=False, discarded=False)

    def with_hidden(self, user: User) -> Self:
        """Annotate ``hidden``: the prediction is hidden, because the user's blind vote is wanted."""
        return self.annotate(hidden=owes_blind_vote(user))

    def with_visible_prediction(self) -> Self:
        """Return the spectra whose prediction is not hidden. They must be annotated by with_hidden."""
        return self.filter(hidden=False)

    def vetted(self) -> Self:
        """Return the spectra of vetted transients that nobody called bad.

        Annotates ``vetted_class`` and ``vetted_redshift``: those that the spectrum's own audience knows.
        """
        audience = Q(group__isnull=True) | Q(group=OuterRef("group"))
        vetted = Classification.objects.filter(audience, transient=OuterRef("transient")).vetted().newest_first()
        return (
            self.filter(rejected=False, arrays__isnull=False)
            .annotate(
                vetted_class=Subquery(vetted.values("decision__class_name")[:1]),
                vetted_redshift=Subquery(vetted.values("decision__redshift")[:1]),
            )
            .filter(vetted_class__isnull=False)
            .select_related("transient", "current_prediction")
        )

    def vetted_as(self, class_names: Collection[str]) -> Self:
        """Return the vetted spectra of one of these classes."""
        return self.vetted().filter(vetted_class__in=class_names)

    def with_epoch_count(self) -> Self:
        """Annotate ``epoch_count``: how many of these spectra belong to the same transient."""
        same = self.filter(transient=OuterRef("transient")).order_by().values("transient").annotate(n=Count("pk"))
        return self.annotate(epoch_count=Coalesce(Subquery(same.values("n")), 0))

    def return_to_backlog(self) -> int:
        """Let the network classify these spectra once more. Return how many there are."""
        return self.update(**_IN_BACKLOG)


class Spectrum(models.Model):
    """One spectrum of one transient.

    transient: the transient, or None until the spectrum is named.
    group: group whose members alone may see it, or None for everybody.
    uploaded_by: user who sent it, or None.
    original: the file.
    sha256: SHA-256 of the file.
    filename: name of the file.
    part: 0, 1, … where one file holds several epochs or targets.
    reading: number of times that the file was read; a correction reads it again.
    corrections: units, frame and columns that a user stated.
    receipt: what was read from the file, and how.
    observed_at: time of observation, or None if unknown.
    instrument: name of the instrument, or "".
    observer: who observed it, or "".
    stated_redshift: redshift given with the upload or later, or None; a correction of the transient clears it.
    wavelength_min: shortest wavelength, Å, or None if the file could not be read.
    wavelength_max: longest wavelength, Å, or None.
    comment: remark of the sender, or "".
    outline: short outline of the flux for lists (see triage.intake.outline), which saves them reading the arrays.
    simulated: the spectrum belongs to the demo.
    centre: mean wavelength weighted by |flux|, Å; finds duplicates (see triage.intake.duplicates).
    width: standard deviation of the wavelengths weighted by |flux|, Å.
    likely_duplicate_of: earlier record of the same measurement, or None. It has the same audience or a wider one.
    state: how far the processing has come.
    failure_code: code of the reason why it failed, or "".
    failure_reason: that reason in words.
    current_prediction: newest prediction of this reading, or None; kept by triage.inference.worker.
    rejected: a decision that stands calls the spectrum bad; kept by triage.review.outcome.
    discarded: somebody put the file aside as not worth correcting; kept by triage.intake.quarantine.
    attempts: number of attempts to classify it.
    lease_until: until when a worker holds it, or None.
    lease_token: identifies that worker.
    created_at: when it was stored.
    processed_at: when the network last classified it or gave it up, or None.
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
    observer = models.CharField(max_length=120, blank=True, default="", db_default="")
    stated_redshift = models.FloatField(
        null=True,
        blank=True,
        help_text="Given with the upload; a redshift in the file's header stays in the receipt.",
    )
    wavelength_min = models.FloatField(null=True, blank=True)
    wavelength_max = models.FloatField(null=True, blank=True)
    comment = models.TextField(blank=True, default="", db_default="")
    outline = models.JSONField(default=list, blank=True)
    simulated = models.BooleanField(default=False)
    centre = models.FloatField(null=True, blank=True, db_index=True, help_text="mean wavelength in Å by |flux|")
    width = models.FloatField(null=True, blank=True, help_text="standard deviation of the wavelengths in Å by |flux|")
    likely_duplicate_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="likely_duplicates"
    )

    state = models.CharField(max_length=12, choices=SpectrumState.choices, default=SpectrumState.QUEUED)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_reason = models.TextField(blank=True)
    current_prediction = models.ForeignKey(
        "triage.Prediction", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    rejected = models.BooleanField(default=False)
    discarded = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    # Annotated by SpectrumQuerySet.with_hidden and .vetted; a spectrum fetched otherwise has none of these.
    hidden: bool
    vetted_class: str
    vetted_redshift: float | None
    # Set by SpectrumQuerySet.with_epoch_count and triage.intake.suggestions.count_epochs.
    epoch_count: int

    objects = SpectrumQuerySet.as_manager()

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
            models.Index(fields=("uploaded_by", "id"), condition=models.Q(state="queued"), name="spectrum_turns"),
            models.Index(fields=("id",), condition=models.Q(transient__isnull=True), name="spectrum_unnamed"),
            models.Index(fields=("group", "transient"), condition=models.Q(state="failed"), name="spectrum_failed"),
            models.Index(fields=("group",), condition=models.Q(simulated=True), name="spectrum_simulated"),
            # Tells from the index alone whether a transient has a prediction, and for which audience.
            models.Index(
                fields=("transient", "group"),
                condition=models.Q(current_prediction__isnull=False, rejected=False),
                name="spectrum_predicted",
            ),
            models.Index(fields=("transient", "state"), name="spectrum_transient_state"),
            models.Index(fields=("group", "transient"), name="spectrum_audience"),
            # The filters are answered from these alone: has a transient a spectrum of an audience, an instrument and a
            # day, and which spectra arrived on a day.
            models.Index(fields=("transient", "group", "instrument", "created_at"), name="spectrum_filtered"),
            models.Index(fields=("created_at", "transient", "group"), name="spectrum_arrived"),
            models.Index(fields=("state", "-created_at"), name="spectrum_state_created"),
            models.Index(fields=("state", "-processed_at"), name="spectrum_state_processed"),
        )

    def __str__(self) -> str:
        return self.file_label

    @property
    def file_label(self) -> str:
        """Name of the file, and of the member of an archive: "night.zip: path/inside.fits"."""
        member = self.receipt.get("member")
        return f"{self.filename}: {member}" if member else self.filename

    @property
    def at_rest(self) -> bool:
        """Return whether the wavelengths are in the rest frame, as the file or a user says."""
        return bool(self.receipt.get("frame") == "rest")

    @property
    def in_vacuum(self) -> bool:
        """Return whether the wavelengths are in vacuum, as the file or a user says, and not in air or unknown."""
        return bool(self.receipt.get("medium") == "vacuum")

    @property
    def without_host(self) -> bool:
        """Return whether a share of the light was taken off this reading as the host galaxy's."""
        return self.receipt.get("host_light") is not None

    @property
    def known_redshift(self) -> float | None:
        """Return the redshift to classify with: the spectrum's own, else the transient's, else None for a blind run."""
        if self.stated_redshift is not None:
            return self.stated_redshift
        return self.transient.redshift if self.transient else None

    @property
    def date_guess(self) -> dict[str, Any] | None:
        """Return the reader's guess that the date rests on, or None if the date is known otherwise, or not at all."""
        return date_guess_among(self.receipt.get("guesses"), self.observed_at)

    def drop_date_guess(self) -> None:
        """Drop the reader's guess of the date, because somebody has stated the date; the caller saves the spectrum."""
        guesses = [guess for guess in self.receipt.get("guesses", []) if guess["what"] != "observed_at"]
        self.receipt = {**self.receipt, "guesses": guesses}

    @property
    def no_class_warnings(self) -> list[dict[str, str]]:
        """Return the warnings that no class can be told from the spectrum, each with code and message."""
        return no_class_warnings(self.receipt.get("warnings"))

    @property
    def correctable(self) -> bool:
        """Return whether corrections of the reading may help a file that could not be read."""
        return self.failure_code not in HOPELESS

    @property
    def looks_like_light_curve(self) -> bool:
        """Return whether the file was refused because its wavelengths are times."""
        times = ("is a time", "dates of a light curve")
        return self.failure_code == "no_wavelengths" and any(words in self.failure_reason for words in times)

    def return_to_backlog(self) -> None:
        """Let the network classify this spectrum, even if it did before. The caller saves the record."""
        for name, value in _IN_BACKLOG.items():
            setattr(self, name, value)


def date_guess_among(guesses: list[dict[str, Any]] | None, observed_at: datetime | None) -> dict[str, Any] | None:
    """Return the guess on which a date rests, or None.

    guesses: guesses of the receipt; None is like an empty list.
    observed_at: time of observation, or None if unknown.
    """
    dates = [guess for guess in guesses or [] if guess["what"] == "observed_at"]
    in_force = observed_at is not None and dates and parse_datetime(dates[0]["value"]) == observed_at
    return dates[0] if in_force else None


def no_class_warnings(warnings: list[dict[str, str]] | None) -> list[dict[str, str]]:
    """Return those of a receipt's warnings that no class can be told from the spectrum, each with code and message.

    They were measured when the spectrum was read (classifier/signal_to_noise.py), and are what all pages say.
    """
    return [warning for warning in warnings or () if warning["code"] in NO_CLASS]
