"""Named matches: the objects of the library that a spectrum looks most like, beside its prediction."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

from django.db import models

from classifier.readers.receipt import MOST_TAKEN
from triage.models.prediction import Prediction

# From this share of host light on, the network's class is right less often (docs/library.md).
MUCH_HOST_LIGHT = 0.35
# Below this share, a classification without the host gains nothing (docs/library.md).
LITTLE_HOST_LIGHT = 0.1


class NamedMatches(models.Model):
    """The library's answer for one reading of one spectrum. The prediction stays as it was.

    prediction: prediction of that reading, whose redshift the comparison was made at.
    library: hash of the library's file.
    matches: the best objects, best first, each with name, type, class (or ""), phase (days from maximum, or None),
        redshift, score, and either spectrum, its row in the library, or vetted: id and redshift of a spectrum that the
        group vetted.
    trust: probability that the class of the first is right (0–1), or None if that was not measured.
    phase: rest-frame days from maximum that the matches of the predicted class give, or None.
    phase_error: 1σ error in days, or None.
    host_light: share (0–1) of the light that is the host's (see classifier.host_light), or None if it cannot be told.
    host_light_error: its 1σ error, or None.
    left_out: names of the library's objects that are this transient, and were therefore not compared; "" for none.
    made_at: when.
    """

    prediction = models.OneToOneField(
        Prediction, on_delete=models.CASCADE, primary_key=True, related_name="named_matches"
    )
    library = models.CharField(max_length=64)
    matches = models.JSONField(default=list)
    trust = models.FloatField(null=True, blank=True)
    phase = models.FloatField(null=True, blank=True)
    phase_error = models.FloatField(null=True, blank=True)
    host_light = models.FloatField(null=True, blank=True)
    host_light_error = models.FloatField(null=True, blank=True)
    left_out = models.TextField(blank=True, default="", db_default="")
    made_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "named matches"

    def __str__(self) -> str:
        return self.matches[0]["name"] if self.matches else "like nothing in the library"

    @property
    def best_type(self) -> tuple[str, int]:
        """Return the commonest type among the matches and how many have it; ("", 0) without matches."""
        counted = Counter(match["type"] for match in self.matches).most_common(1)
        return counted[0] if counted else ("", 0)

    @property
    def against(self) -> tuple[int, list[str]]:
        """Return how many of the best matches come before the first of the predicted class, and their classes.

        A type without a class stands for one.
        """
        classes = [match.get("class") or match["type"] for match in self.matches]
        leading = list(takewhile(lambda name: name != self.prediction.class_name, classes))
        return len(leading), list(dict.fromkeys(leading))

    @property
    def host_light_to_take(self) -> float | None:
        """Return the share of host light to classify without, or None if there is too little to gain by that."""
        if self.host_light is None or self.host_light < LITTLE_HOST_LIGHT:
            return None
        return min(self.host_light, MOST_TAKEN)

    @property
    def much_host_light(self) -> bool:
        """Return whether much of the light is known to be the host's."""
        return self.host_light is not None and self.host_light >= MUCH_HOST_LIGHT
