"""The statements that a sender makes about a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group


@dataclasses.dataclass(frozen=True)
class Given:
    """Statements of a sender about a file. None or "" means that nothing is stated.

    transient: name of the transient.
    redshift: known redshift; the network uses it.
    observed_at: time of the observation, UTC.
    instrument: name of the instrument.
    ra, dec: coordinates of the transient, degrees, ICRS.
    comment: remark about the spectrum.
    group: the spectrum's audience; None makes it visible to everybody who is signed in.
    corrections: how to read the file, as ``Corrections`` of classifier.readers takes it.
    beside: metadata that a table in the same folder gives for the file. They are guesses: the file's header wins.
    simulated: whether the spectrum is a simulated one.
    """

    transient: str = ""
    redshift: float | None = None
    observed_at: datetime | None = None
    instrument: str = ""
    ra: float | None = None
    dec: float | None = None
    comment: str = ""
    group: Group | None = None
    corrections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    beside: Mapping[str, str] = dataclasses.field(default_factory=dict)
    simulated: bool = False
