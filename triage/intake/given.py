"""A file that is sent, and the statements that its sender makes about it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

from django.conf import settings
from django.contrib.auth.models import Group

from triage.errors import InvalidUploadError

# Control characters, and every character that begins a new line somewhere.
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def shown_name(filename: str) -> str:
    """Return a file's name without folders, or "unnamed" if it is made of dots and blanks alone."""
    name = Path(filename).name[:255]
    return name if name.strip(". ") else "unnamed"


def check_line(what: str, value: str) -> None:
    """Raise InvalidUploadError if a fact of one line holds line breaks or other control characters.

    what: name of the fact.
    """
    if _NOT_IN_A_LINE.search(value):
        raise InvalidUploadError(f"{what}: one line without line breaks or control characters is needed")


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


@dataclasses.dataclass(frozen=True)
class SentFile:
    """A file that somebody sent.

    content: its bytes.
    filename: its name.
    given: statements of the sender.
    """

    content: bytes
    filename: str
    given: Given

    @classmethod
    def read(cls, opened: IO[bytes], filename: str, given: Given) -> Self:
        """Return a file that is open. Of one that is too large, no more is held in memory than shows it."""
        return cls(opened.read(settings.UPLOAD_MAX_BYTES + 1), filename, given)

    @property
    def base_name(self) -> str:
        """Name of the file without folders, as its record keeps it."""
        return shown_name(self.filename)

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()
