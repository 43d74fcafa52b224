"""Runs of automatic policies, and what they classified, as pages show them."""

from __future__ import annotations

import dataclasses

from django.contrib.auth.models import User

from triage.models import AutomaticClassification, Classification, Transient
from triage.review.runs import Measured


@dataclasses.dataclass(frozen=True)
class RunText:
    """Latest run of an audience's policy, in words.

    found: what people said about it.
    """

    found: Measured

    @property
    def title(self) -> str:
        """Return the name of the audience."""
        group = self.found.run.group
        return group.name if group else "Public spectra"

    @property
    def state(self) -> str:
        """Return "on", "on trial" or "off"."""
        run = self.found.run
        if run.ended_at is not None:
            return "off"
        return "on" if run.limit is None else "on trial"

    @property
    def rate(self) -> str:
        """Return the false rate of the blind votes, or a dash without votes."""
        return "–" if self.found.false_rate is None else f"{percent(self.found.false_rate)} %"

    @property
    def interval(self) -> str:
        """Return the 95 % interval of the false rate, or "" without votes."""
        return "{} to {} %".format(*map(percent, self.found.interval)) if self.found.interval else ""

    @property
    def rule(self) -> str:
        """Return when the run switches itself off, in a sentence."""
        run, allowed = self.found.run, f"{percent(self.found.run.policy.allowed_false_rate)} %"
        if self.found.bound is None:
            return (
                f"The trial ends after {run.limit} transients, or at the first blind vote that names another class "
                "than the prediction."
            )
        return (
            f"Together with the {run.vetted} vetted transients of the dry run, the upper bound of the false rate is "
            f"{percent(self.found.bound)} %. The policy switches itself off above the allowed {allowed}."
        )


@dataclasses.dataclass(frozen=True)
class AutomaticEntry:
    """An automatic classification of a transient.

    row: the stored row.
    stands: whether it stands, because no person decided.
    """

    row: AutomaticClassification
    stands: bool


def automatic_entries(user: User, transient: Transient, standing: Classification | None) -> list[AutomaticEntry]:
    """Return what policies classified a transient as, as far as the user may see it, the newest first.

    standing: the decision that stands as the user sees it, or None.
    """
    rows = AutomaticClassification.objects.filter(transient=transient).visible_to(user)
    found = list(rows.select_related("run__group", "group"))
    stand = set(rows.standing().values_list("pk", flat=True)) if found and standing is None else set()
    return [AutomaticEntry(row, row.pk in stand) for row in found]


def percent(share: float) -> str:
    """Return a share (0–1) in percent with two digits, such as 0.53, 4.2 or 38."""
    value = 100 * share
    return f"{value:.0f}" if value >= 9.95 else f"{value:.2g}"
