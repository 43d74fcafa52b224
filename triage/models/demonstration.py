"""The demonstration: simulated spectra, which pages leave out once their reader has observed ones too.

Functions that list or count take ``simulated``: None for all rows, False for the observed ones, True for the simulated
ones.
"""

from __future__ import annotations

import dataclasses
from typing import Self

from django.contrib.auth.models import User
from django.db.models import Exists, Q

from triage.models.spectrum import Spectrum, SpectrumState


@dataclasses.dataclass(frozen=True)
class Demonstration:
    """Simulated spectra on one user's pages.

    mixed: the user may see simulated spectra and observed ones.
    shown: the user asked for the simulated ones all the same.
    """

    mixed: bool
    shown: bool

    @classmethod
    def of(cls, user: User, *, shown: bool = False) -> Self:
        """Ask the database, in one query, what the user may see. A file that could not be read does not count."""
        spectra = Spectrum.objects.visible_to(user).exclude(state=SpectrumState.QUARANTINED).order_by()
        both = Q(Exists(spectra.filter(simulated=True))) & Q(Exists(spectra.filter(simulated=False)))
        return cls(User.objects.filter(both, pk=user.pk).exists(), shown)

    @property
    def simulated(self) -> bool | None:
        """Return which rows pages show: the observed ones (False) or all (None)."""
        return False if self.mixed and not self.shown else None


def only(simulated: bool | None, path: str = "") -> Q:
    """Return the condition that a row is simulated or not.

    path: lookup prefix of the related row that says so, such as ``"transient__"``.
    """
    return Q() if simulated is None else Q(**{f"{path}simulated": simulated})
