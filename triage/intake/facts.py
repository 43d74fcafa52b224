"""Facts about spectra and transients that people correct later; each correction is recorded and can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime

from classifier.names import name_key
from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift
from triage.errors import BoundSpectrumError, InvalidActionError, InvalidUploadError, NotYoursError
from triage.intake import own_redshifts
from triage.intake.disclosure import admit, audience_of, check_tells_no_others, known_only_to, withdraw
from triage.intake.given import check_line
from triage.intake.move import move
from triage.intake.naming import state_coordinates, state_redshift
from triage.intake.own_redshifts import OwnRedshifts
from triage.intake.reclassification import classify_again
from triage.intake.reread import read_again
from triage.models import (
    ActKind,
    BrightnessDue,
    Decision,
    NamedMatches,
    OtherName,
    Spectrum,
    SpectrumAct,
    Transient,
    TransientAct,
)
from triage.queue import entries

SPECTRUM_FACTS = ("observed_at", "instrument", "observer", "redshift", "comment", "group")
TRANSIENT_FACTS = ("name", "other_names", "ra", "dec", "redshift", "redshift_error", "redshift_origin", "ebv", "host")
# The names are listed with the transient wherever it stands.
MOST_OTHER_NAMES = 50
LINES = ("instrument", "observer", "redshift_origin", "host")

# Changes of an act: for each fact its value before and after, as JSON takes it.
Changes = dict[str, list[Any]]


def correct_spectrum(user: User, spectrum: Spectrum, facts: Mapping[str, Any]) -> Spectrum:
    """Correct facts of a spectrum, and record who did it. A changed redshift lets the network classify it again.

    facts: new values by SPECTRUM_FACTS; "group" is a Group, or None for everybody.

    Raises InvalidUploadError for a value that cannot be true, NotYoursError if somebody else's spectrum would get
    another audience, and BoundSpectrumError if its audience cannot change.
    """
    _check_values(facts)
    with transaction.atomic():
        entries.lock(spectrum.transient_id)
        now: Spectrum = (
            Spectrum.objects.select_for_update(of=("self",)).select_related("group", "transient").get(pk=spectrum.pk)
        )
        changes = _changes(_spectrum_facts(now), {key: _plain(value) for key, value in facts.items()})
        if now.date_guess and "observed_at" in facts and "observed_at" not in changes:
            # Somebody states the guessed date, and so confirms it.
            now.drop_date_guess()
            now.save(update_fields=["receipt"])
        if not changes:
            return now
        # Its new audience does not learn which group saw the spectrum before.
        audience = now.group or facts.get("group")
        if "group" in changes:
            _check_audience(user, now, facts["group"])
            if now.transient is not None:
                admit(now.transient, facts["group"])
                # The transient may have lost its redshift, and then the spectrum waits for the network again.
                now.refresh_from_db()
            _unmark_duplicates(now)
            # Matches may name a group's own spectra. The periodic task compares anew, with the new audience's library.
            NamedMatches.objects.filter(prediction__spectrum=now).delete()
        for key in changes:
            setattr(now, "stated_redshift" if key == "redshift" else key, facts[key])
        try:
            with transaction.atomic():
                now.save()
        except IntegrityError:
            raise BoundSpectrumError("that audience has a record of this file already") from None
        if "group" in changes:
            withdraw(now.transient)
            # The facts that came with the spectrum are told to its new audience.
            ra, dec = now.receipt.get("coordinates", (None, None))
            state_redshift(now.transient, now.stated_redshift, now.group)
            state_coordinates(now.transient, ra, dec, now.group)
        SpectrumAct.objects.create(spectrum=now, group=audience, user=user, kind=ActKind.FACTS, detail=changes)
        if "redshift" in changes:
            classify_again(Spectrum.objects.filter(pk=now.pk))
            _correct_shared_redshift(user, now, changes["redshift"][0])
        if "observed_at" in changes and now.transient_id is not None:
            BrightnessDue.objects.mark_if_measured(now.transient_id)
        entries.refresh(now.transient_id)
    now.refresh_from_db()
    return now


def _unmark_duplicates(spectrum: Spectrum) -> None:
    """Take the mark of a likely duplicate, and its warning, from a spectrum and from those marked as its copies.

    A mark must not lead those to the other record who may not see it.
    """
    for marked in (spectrum, *spectrum.likely_duplicates.select_for_update().order_by("pk")):
        warnings = [each for each in marked.receipt.get("warnings", ()) if each["code"] != "likely_duplicate"]
        marked.likely_duplicate_of, marked.receipt = None, {**marked.receipt, "warnings": warnings}
        marked.save(update_fields=["likely_duplicate_of", "receipt"])


def correct_transient(user: User, transient: Transient, facts: Mapping[str, Any]) -> Transient:
    """Correct facts of a transient, and record who did it.

    A changed redshift is the newest word: the spectra of the same audience give up the redshifts of their own, and the
    network classifies them again.

    facts: new values by TRANSIENT_FACTS; "other_names" are the names that everybody knows.

    Raises InvalidUploadError for a value that cannot be true, and InvalidActionError if the name is that of another
    transient or the facts would reach people who see the transient in another group alone.
    """
    return _correct_transient(user, transient, facts, None)


def _correct_transient(
    user: User, transient: Transient, facts: Mapping[str, Any], own: OwnRedshifts | None
) -> Transient:
    """Correct facts of a transient, as ``correct_transient`` does.

    own: how redshifts of spectra change with the transient's; None for all of its audience to give up their own.
    """
    _check_values(facts)
    with transaction.atomic():
        entries.lock(transient.pk)
        now = Transient.objects.select_for_update().get(pk=transient.pk)
        facts = _completed(facts, now)
        changes = _changes(_transient_facts(now), facts)
        if not changes:
            return now
        check_tells_no_others(user, now, changes)
        for key in changes:
            if key != "other_names":
                setattr(now, key, facts[key])
        _check_transient(now)
        if "name" in changes:
            _check_name(user, now)
        try:
            with transaction.atomic():
                now.save()
        except IntegrityError:
            raise InvalidActionError(f"the name {now.name} is taken") from None
        if "other_names" in changes:
            OtherName.objects.filter(transient=now, group__isnull=True).delete()
            for name in facts["other_names"]:
                OtherName.objects.create(transient=now, name=name)
        act = TransientAct(transient=now, group=audience_of(user, now), user=user, detail=changes)
        if "redshift" in changes:
            own_redshifts.follow(act, own)
        act.save()
        if changes.keys() & {"redshift_error", "ebv"}:
            BrightnessDue.objects.mark_if_measured(now.pk)
        entries.refresh(now.pk)
    return now


def _completed(facts: Mapping[str, Any], transient: Transient) -> dict[str, Any]:
    """Complete facts about a transient.

    Each other name comes once, a redshift that changes gets a person as its origin, and a transient that is renamed
    keeps its name as another name.

    Raises InvalidUploadError for more than MOST_OTHER_NAMES other names.
    """
    facts = dict(facts)
    if "other_names" in facts:
        own = facts.get("name", transient.name)
        facts["other_names"] = [name for name in dict.fromkeys(facts["other_names"]) if name != own]
    if "redshift" in facts and facts["redshift"] != transient.redshift:
        # The next sync must not take a person's redshift for its own.
        facts.setdefault("redshift_origin", "" if facts["redshift"] is None else "reviewer")
    if "name" in facts and facts["name"] != transient.name and "other_names" not in facts:
        # Addresses and files with the old name still find the transient.
        names = [*_transient_facts(transient)["other_names"], transient.name]
        facts["other_names"] = [name for name in dict.fromkeys(names) if name != facts["name"]]
    if len(facts.get("other_names", ())) > MOST_OTHER_NAMES:
        raise InvalidUploadError(f"a transient may have {MOST_OTHER_NAMES} other names; remove some")
    return facts


def undo_spectrum_act(user: User, act: SpectrumAct) -> Spectrum:
    """Undo what somebody did with a spectrum, and record that as another act.

    Raises InvalidActionError if something has changed since, or such an act cannot be undone here.
    """
    spectrum = act.spectrum
    if act.kind == ActKind.FACTS:
        before = _before(act.detail, _spectrum_facts(spectrum))
        if before.get("observed_at"):
            before["observed_at"] = parse_datetime(before["observed_at"])
        if before.get("group"):
            group = Group.objects.filter(name=before["group"]).first()
            if group is None:
                raise InvalidActionError(f"the group {before['group']} does not exist any more")
            before["group"] = group
        return correct_spectrum(user, spectrum, before)
    if act.kind == ActKind.MOVED:
        here, name = spectrum.transient, act.detail["to"]
        if here is None or not name:
            stands = here is None and not name
        else:
            stands = Transient.objects.filter(pk=here.pk).called(user, name) is not None
        if not stands:
            raise InvalidActionError("the spectrum was moved again since")
        return move(user, spectrum, act.detail["from"] or "")
    if act.kind == ActKind.CORRECTED:
        corrections = spectrum.corrections | _before(act.detail, spectrum.corrections)
        return read_again(user, spectrum, {key: value for key, value in corrections.items() if value is not None})
    raise InvalidActionError("discard or restore the file instead")


def undo_transient_act(user: User, act: TransientAct) -> Transient:
    """Undo a correction of a transient, and record that as another act.

    Raises InvalidActionError if something has changed since.
    """
    changes = {key: values for key, values in act.detail.items() if key != "own_redshifts"}
    before = _before(changes, _transient_facts(act.transient))
    return _correct_transient(user, act.transient, before, own_redshifts.undoing(act))


def _before(changes: Changes, now: Mapping[str, Any]) -> dict[str, Any]:
    if not all(isinstance(values, list) for values in changes.values()):
        raise InvalidActionError("it is not known what was before that reading: read the file again instead")
    changed = [key for key, (_, after) in changes.items() if now.get(key) != after]
    if changed:
        raise InvalidActionError(f"the {changed[0].replace('_', ' ')} of it changed again since")
    return {key: before for key, (before, _) in changes.items()}


def _changes(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> Changes:
    return {key: [now[key], value] for key, value in wanted.items() if now[key] != value}


def _spectrum_facts(spectrum: Spectrum) -> dict[str, Any]:
    values = {"redshift": spectrum.stated_redshift}
    return {key: _plain(values[key] if key in values else getattr(spectrum, key)) for key in SPECTRUM_FACTS}


def _transient_facts(transient: Transient) -> dict[str, Any]:
    names = transient.other_names.filter(group__isnull=True).values_list("name", flat=True)
    values = {"other_names": list(names)}
    return {key: values[key] if key in values else getattr(transient, key) for key in TRANSIENT_FACTS}


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.name if isinstance(value, Group) else value


def _check_values(facts: Mapping[str, Any]) -> None:
    for key in LINES:
        check_line(key.replace("_", " "), facts.get(key) or "")
    redshift = facts.get("redshift")
    if redshift is not None and not is_plausible_redshift(redshift):
        raise InvalidUploadError(f"a redshift must lie {PLAUSIBLE_REDSHIFTS}")


def _check_audience(user: User, spectrum: Spectrum, group: Group | None) -> None:
    if spectrum.uploaded_by_id != user.pk and not user.is_staff:
        raise NotYoursError("only the sender may change who sees a spectrum")
    if group is not None and not user.groups.filter(pk=group.pk).exists():
        raise InvalidUploadError("you are not a member of that group")
    if Decision.objects.filter(spectrum=spectrum).in_force().exists():
        raise BoundSpectrumError(f"{spectrum.transient} was decided on with this spectrum: take that back first")
    if Spectrum.objects.filter(sha256=spectrum.sha256, group=spectrum.group).exclude(pk=spectrum.pk).exists():
        raise BoundSpectrumError("the file holds other spectra, and whoever sees one of them can download it")


def _check_transient(transient: Transient) -> None:
    try:
        transient.clean_fields()
    except ValidationError as error:
        said = "; ".join(f"{name}: {words[0].rstrip('.')}" for name, words in error.message_dict.items())
        raise InvalidUploadError(said) from error
    if (transient.ra is None) != (transient.dec is None):
        raise InvalidUploadError("right ascension and declination come together")


def _check_name(user: User, transient: Transient) -> None:
    others = Transient.objects.visible_to(user).exclude(pk=transient.pk)
    if others.filter(key=name_key(transient.name)).exists():
        raise InvalidActionError(f"{transient.name} is another transient: move the spectra there")


def _correct_shared_redshift(user: User, spectrum: Spectrum, before: float | None) -> None:
    """Correct the transient's redshift too if it came with this spectrum."""
    transient = spectrum.transient
    if transient is None or not known_only_to(transient, spectrum.group_id):
        return
    if transient.redshift is None or (transient.redshift_origin == "upload" and transient.redshift == before):
        origin = "upload" if spectrum.stated_redshift is not None else ""
        facts = {"redshift": spectrum.stated_redshift, "redshift_origin": origin}
        _correct_transient(user, transient, facts, {})
