"""The transient that a spectrum belongs to: found by its names, or made.

A name that a person or the file's header states is taken. A copy belongs where its original does, unless it states
something else. The file's own name is a guess: only a survey's designation in it is taken. A spectrum without a name
waits for one.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from classifier.names import name_key
from classifier.readers import Reading
from classifier.readers.filename import coordinates_in_stem, is_generic, object_in_name
from triage.errors import InvalidUploadError
from triage.intake.disclosure import admit_to_locked, known_only_to
from triage.intake.given import Given
from triage.intake.reclassification import classify_again
from triage.models import OtherName, Spectrum, Transient
from triage.models.spelling import spelt
from triage.queue import entries

LONGEST_NAME = 120

Result = TypeVar("Result")


class NamedBy(StrEnum):
    """Origin of a spectrum's transient: a person, the same spectrum stored before, the file's header or its name."""

    PERSON = "person"
    COPY = "copy"
    HEADER = "header"
    FILE_NAME = "file_name"


@dataclasses.dataclass(frozen=True)
class FoundName:
    """Name of a file's transient.

    name: the name.
    by: who or what gave it.
    """

    name: str
    by: NamedBy


def name_of_file(given: Given, reading: Reading, filename: str) -> FoundName | None:
    """Return the name of a file's transient, or None if nothing but a person can tell.

    The stated name comes first, then the object in the file's header, then a survey's designation in the file's name
    (or in the name of the archive's member). Words that could mean any object, such as "target", are no name.
    """
    if given.transient:
        return FoundName(given.transient, NamedBy.PERSON)
    stem = Path(reading.receipt.get("member") or filename).stem
    guess = object_in_name(stem) or coordinates_in_stem(stem) or ""
    stated = _clean_name(reading.spectrum.object_name)
    if stated and not is_generic(stated) and not _is_from_file_name(reading):
        return FoundName(stated, NamedBy.HEADER)
    name = _clean_name(guess)
    return FoundName(name, NamedBy.FILE_NAME) if name else None


def _is_from_file_name(reading: Reading) -> bool:
    guesses = reading.receipt.get("guesses", ())
    return any(guess["what"] == "object" and guess["evidence"] == "the file's name" for guess in guesses)


@dataclasses.dataclass(frozen=True)
class ReadPart:
    """One reading of a file, and the record that it becomes.

    spectrum: the record, not saved yet.
    reading: the reading.
    given: statements of the file's sender.
    original: stored record of the same measurement, or None.
    """

    spectrum: Spectrum
    reading: Reading
    given: Given
    original: Spectrum | None = None


def check_name(name: str) -> None:
    """Raise InvalidUploadError unless a transient may have this name."""
    try:
        Transient._meta.get_field("name").clean(name, None)
    except ValidationError as error:
        raise InvalidUploadError(error.messages[0]) from error


def name_spectra(parts: Sequence[ReadPart]) -> None:
    """Give spectra the transients of their files, making those that do not exist; the caller saves the spectra.

    Call this within a transaction. A spectrum stays unnamed if nothing names it. Redshift and coordinates that were
    stated for a file are stored with the transient, unless the file is private and others know the transient.

    parts: spectra of one audience.

    Raises BoundSpectrumError as ``admit_to_locked`` does.
    """
    found = [_name_of_part(part) for part in parts]
    _retried(lambda: _give_transients(parts, found))


def _name_of_part(part: ReadPart) -> FoundName | None:
    """Return the name of a spectrum's transient, or None if nothing but a person can tell.

    A copy has that of its original, unless a person, or a header that differs from the original's, names another.
    """
    found = name_of_file(part.given, part.reading, part.spectrum.filename)
    original = part.original
    if original is None or original.transient is None or original.simulated != part.given.simulated:
        return found
    by = found.by if found else NamedBy.FILE_NAME
    same_header = part.reading.spectrum.object_name == original.receipt.get("metadata", {}).get("object")
    if by == NamedBy.PERSON or (by == NamedBy.HEADER and not same_header):
        return found
    return FoundName(original.transient.name, NamedBy.COPY)


def _retried(store: Callable[[], Result]) -> Result:
    """Return what a function that stores transients returns, in a transaction of its own, at the third try at last.

    Raises IntegrityError if others took the names three times.
    """
    for _ in range(2):
        try:
            with transaction.atomic():
                return store()
        except IntegrityError:
            # Somebody else made one of the transients a moment ago. It is found now.
            continue
    with transaction.atomic():
        return store()


def _give_transients(parts: Sequence[ReadPart], found: Sequence[FoundName | None]) -> None:
    """Give spectra the transients of these names. Raises IntegrityError if somebody else makes one meanwhile."""
    names = {name.name: part.given.simulated for name, part in zip(found, parts, strict=True) if name is not None}
    group, user = parts[0].spectrum.group, parts[0].spectrum.uploaded_by
    transients = _locked_or_drafted(names, group, user)
    admit_to_locked({one for one in transients.values() if one.pk is not None}, group)
    for name, part in zip(found, parts, strict=True):
        part.spectrum.receipt = {**part.spectrum.receipt, "named_by": name.by if name else None}
        if name is None:
            continue
        transient = part.spectrum.transient = transients[name.name]
        state_redshift(transient, part.given.redshift, group)
        state_coordinates(transient, part.given.ra, part.given.dec, group)
    # Everybody makes transients in one order, so that two who make the same ones never wait for each other.
    drafted = {name_key(one.name) or one.name: one for one in transients.values() if one.pk is None}
    new = {name: one for name, one in transients.items() if one.pk is None}
    Transient.objects.bulk_create([one for _, one in sorted(drafted.items())])
    _keep_stated_names(new)


def state_coordinates(transient: Transient | None, ra: float | None, dec: float | None, group: Group | None) -> None:
    """Store coordinates (degrees) that came with a spectrum, if its transient has none.

    group: audience of the spectrum; nothing is stored if others know the transient.
    """
    if transient is None or transient.ra is not None or ra is None or dec is None:
        return
    if known_only_to(transient, group.pk if group else None):
        transient.ra, transient.dec = ra, dec
        _save_stated(transient, "ra", "dec")


def state_redshift(transient: Transient | None, redshift: float | None, group: Group | None) -> None:
    """Store the redshift that came with a spectrum, if its transient has none.

    Its other spectra are classified again with it.

    group: audience of the spectrum; nothing is stored if others know the transient.

    Raises what ``classify_again`` raises.
    """
    if transient is None or transient.redshift is not None or redshift is None:
        return
    if known_only_to(transient, group.pk if group else None):
        transient.redshift, transient.redshift_origin = redshift, "upload"
        _save_stated(transient, "redshift", "redshift_origin")
        if transient.pk is not None:
            classify_again(Spectrum.objects.filter(transient=transient, stated_redshift__isnull=True))


def _save_stated(transient: Transient, *facts: str) -> None:
    """Save facts of a transient; one that is not stored yet is saved as a whole later."""
    if transient.pk is not None:
        transient.save(update_fields=facts)


def transient_of_name(
    name: str, group: Group | None, user: User | None, *, simulated: bool, beside: int | None = None
) -> Transient:
    """Return the transient that an audience means by this name, or make one; its row is locked.

    Those who use one name at once, in whatever spellings, get one transient.

    user: user who names it, or None.
    beside: id of a stored transient that is locked too, before a new one is made, or None.

    Raises IntegrityError as ``_retried`` does.
    """

    def stored() -> Transient:
        found = _found_or_drafted({name: simulated}, group, user)[name]
        # Known transients are locked before a new one is made; see triage.intake.new_files.
        entries.lock(beside, found.pk)
        if found.pk is None:
            found.save(force_insert=True)
            _keep_stated_names({name: found})
        return found

    return _retried(stored)


def _locked_or_drafted(names: Mapping[str, bool], group: Group | None, user: User | None) -> dict[str, Transient]:
    """Return what ``_found_or_drafted`` does, with the rows of the stored ones locked."""
    locked: set[int] = set()
    while True:
        transients = _found_or_drafted(names, group, user)
        stored = {transient.pk for transient in transients.values() if transient.pk is not None}
        if stored <= locked:
            # Several names of one transient share one record.
            records = {transient.pk: transient for transient in transients.values() if transient.pk is not None}
            return {name: records.get(transient.pk, transient) for name, transient in transients.items()}
        entries.lock(*stored)
        locked |= stored


def _found_or_drafted(names: Mapping[str, bool], group: Group | None, user: User | None) -> dict[str, Transient]:
    """Return the transients that an audience means by names, by name; those that do not exist are new and not saved.

    The one that ``known_transients`` finds comes first, then one that has the name already, although the audience does
    not know it. A group gets that one only if the user sees it, else a new one with a number behind its name, so that
    nothing happens to the other. Several spellings of a new name share one transient.

    names: the names, each with whether its spectra are simulated.
    group: the audience; None for everybody.
    user: user who names them, or None.
    """
    found = known_transients(names, group)
    keys = {name: name_key(name) for name in names if name not in found}
    if keys:
        with_key = Q(group=group, key__in=set(filter(None, keys.values())))
        taken = list(Transient.objects.filter(with_key | Q(name__in=list(keys))))
        by_name = {transient.name: transient for transient in _open_to(taken, group, user)}
        by_key = {one.key: one for one in by_name.values() if one.key and one.group_id == (group and group.pk)}
        closed = {transient.name for transient in taken} - by_name.keys()
        for name, key in keys.items():
            transient = by_key.get(key) or by_name.get(name)
            if transient is None:
                own = _numbered(name) if name in closed else name
                transient = Transient(name=own, group=group, simulated=names[name])
            found[name] = by_key[key or name] = transient
    return found


def _open_to(transients: list[Transient], group: Group | None, user: User | None) -> list[Transient]:
    """Keep the transients that an audience may join although it does not know them.

    Everybody may join any. A group may join its own and those that the user sees, because nothing of a transient that
    another group alone knows may change by a guess of its name.
    """
    if group is None or not transients:
        return transients
    seen = Transient.objects.none() if user is None else Transient.objects.visible_to(user)
    seen_ids = set(seen.filter(pk__in=[one.pk for one in transients]).order_by().values_list("pk", flat=True))
    return [one for one in transients if one.group_id == group.pk or one.pk in seen_ids]


def _numbered(name: str) -> str:
    """Return the name with the first number behind it that makes it a free one."""
    endings = (f" ({number})" for number in itertools.count(2))
    names = (f"{name[: LONGEST_NAME - len(ending)]}{ending}" for ending in endings)
    return next(one for one in names if not Transient.objects.filter(name=one).exists())


def _keep_stated_names(new: Mapping[str, Transient]) -> None:
    """Let each transient that got a number behind its name answer to the stated name too.

    new: transients that were just stored, by the name that was stated.
    """
    numbered = {name: one for name, one in new.items() if name_key(name) != one.key}
    OtherName.objects.bulk_create(
        OtherName(transient=one, group=one.group, name=name) for name, one in numbered.items()
    )


def known_transients(names: Collection[str], group: Group | None) -> dict[str, Transient]:
    """Return the transients that an audience knows by these names, by name; unknown names are left out.

    The exact name comes first, then another spelling of it, then another name of a transient; the oldest one wins.

    group: the audience; None for everybody who is signed in.
    """
    audience = Q(group__isnull=True) | Q(group=group)
    spectra = Spectrum.objects.filter(transient=OuterRef("pk"))
    # A transient without spectra is one that somebody of its audience has just made.
    known = Transient.objects.filter(Q(Exists(spectra.filter(audience))) | (audience & ~Exists(spectra)))
    return spelt(names, known, OtherName.objects.filter(audience))


def known_transient(name: str, group: Group | None) -> Transient | None:
    """Return the transient that an audience knows by this name, or None; see ``known_transients``."""
    return known_transients([name], group).get(name)


def _clean_name(name: str | None) -> str:
    # Browsers send a quotation mark in a file's name as %22.
    cleaned = "".join("_" if c == "/" else c for c in (name or "").replace("%22", '"') if c.isprintable()).strip()[:120]
    return "" if cleaned in {".", ".."} else cleaned
