"""Automatic classifications: predictions that stand by a policy, without a person."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from triage.models.audience import AudienceQuerySet, User, shared_with
from triage.models.automatic_run import AutomaticRun
from triage.models.decision import Decision
from triage.models.prediction import ImmutableRecordError, Prediction
from triage.models.spectrum import Spectrum

# Rows that an audience sees beside a row of the outer query: public ones and its own.
OF_AUDIENCE = Q(group__isnull=True) | Q(group=OuterRef("group"))
# A row whose spectrum has the same audience as the row.
_SPECTRUM_OF_AUDIENCE = Q(group__isnull=True, prediction__spectrum__group__isnull=True) | Q(
    group=F("prediction__spectrum__group")
)


class AutomaticClassificationQuerySet(AudienceQuerySet["AutomaticClassification"]):
    """Automatic classifications, each visible to one audience."""

    def visible_to(self, user: User) -> Self:
        """Return the rows that the user may see, of spectra that the user may see now."""
        return super().visible_to(user).filter(shared_with(user, "prediction__spectrum__"))

    def standing(self) -> Self:
        """Return the rows that stand.

        A row ceases to stand when a person decides, when its spectrum has another prediction, transient or audience,
        when another spectrum of the transient is predicted as another class, or when its run was recalled. All of that
        is derived; the row itself is never changed.
        """
        decided = Decision.objects.filter(OF_AUDIENCE, transient=OuterRef("transient"))
        return self.filter(
            ~Exists(decided),
            ~Exists(contradicting("class_name")),
            _SPECTRUM_OF_AUDIENCE,
            run__recalled=False,
            prediction__spectrum__transient=F("transient"),
            prediction__spectrum__current_prediction=F("prediction"),
        )


class AutomaticClassification(models.Model):
    """One transient that a policy classified. Rows are only added, by triage.review.lane alone.

    run: the run of the policy, which holds its conditions as they were.
    transient: the transient.
    group: the audience, or None for everybody.
    prediction: the prediction that passed.
    class_name: its class.
    prediction_seen: the prediction in full, as a decision keeps it.
    created_at: when it was classified.
    """

    run = models.ForeignKey(AutomaticRun, on_delete=models.PROTECT, related_name="classifications")
    transient = models.ForeignKey(
        "triage.Transient", on_delete=models.CASCADE, related_name="automatic_classifications"
    )
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    prediction = models.OneToOneField(Prediction, on_delete=models.CASCADE, related_name="automatic_classification")
    class_name = models.CharField(max_length=60)
    prediction_seen = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    # Annotated by triage.export: the guesses of the spectrum's receipt.
    guesses: list[dict[str, Any]] | None

    objects = AutomaticClassificationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("-created_at", "-id"), name="automatic_newest"),)

    def __str__(self) -> str:
        return f"{self.transient_id}: {self.class_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRecordError("an automatic classification is never changed; a person's verdict replaces it")
        super().save(*args, **kwargs)


def contradicting(class_name: str) -> models.QuerySet[Spectrum]:
    """Return the spectra that an audience sees of the outer query's transient, predicted as another class.

    class_name: path of the outer query's class.
    """
    spectra = Spectrum.objects.filter(OF_AUDIENCE, transient=OuterRef("transient"), rejected=False)
    return spectra.filter(current_prediction__isnull=False).exclude(current_prediction__class_name=OuterRef(class_name))
