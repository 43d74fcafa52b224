"""Disclosure of a transient to a new audience, which learns its name and nothing that people gave it before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.utils import timezone

from triage.errors import BoundSpectrumError, InvalidActionError
from triage.intake.reclassification import classify_again
from triage.intake.wording import in_words
from triage.models import (
    Brightness,
    Claim,
    Comment,
    Decision,
    OtherName,
    Photometry,
    Spectrum,
    TnsRecord,
    Transient,
    TransientAct,
)
from triage.queue import entries

# Facts of a transient and the value of each while it is unknown.
UNKNOWN = {
    "ra": None,
    "dec": None,
    "redshift": None,
    "redshift_error": None,
    "redshift_origin": "",
    "ebv": None,
    "host": "",
}


def audience_of(user: User, transient: Transient) -> Group | None:
    """Return the audience to which what the user does with a transient belongs.

    It is everybody if everybody sees the transient, else the user's group that sees it.
    """
    groups = audiences_known_to(user, transient)
    return None if None in groups or not groups else Group.objects.get(pk=min(filter(None, groups)))


def audiences_known_to(user: User, transient: Transient) -> set[int | None]:
    """Return the ids of the groups to which the spectra and decisions belong that the user sees, None for everybody."""
    spectra = Spectrum.objects.visible_to(user).filter(transient=transient)
    return _audiences(spectra, Decision.objects.visible_to(user).filter(transient=transient))


def known_only_to(transient: Transient, group: int | None) -> bool:
    """Tell whether nobody but an audience knows a transient, so that its facts may hold what that audience gave.

    group: id of the group; None for everybody, who may be told anyway.
    """
    if group is None or transient.group_id != group:
        return group is None and transient.group_id is None
    if transient.pk is None:
        return True
    others = (model._default_manager.filter(transient=transient).exclude(group=group) for model in (Spectrum, Decision))
    return not any(rows.exists() for rows in others)


def check_tells_no_others(user: User, transient: Transient, facts: Collection[str]) -> None:
    """Raise InvalidActionError if facts that the user gives a transient would reach people outside of their groups.

    It would if a group sees the transient in private too, and one of its members is in no group in which the user sees
    it. A transient that everybody sees has facts for everybody.

    facts: names of the facts, for the message.
    """
    here = {"transient": transient}
    groups = _audiences(Spectrum.objects.filter(**here), Decision.objects.filter(**here))
    if None in groups:
        return
    mine = groups & audiences_known_to(user, transient)
    others = User.objects.filter(is_active=True, groups__in=groups - mine)
    if others.exclude(pk__in=User.objects.filter(groups__in=mine).values("pk")).exists():
        way = "; state the redshift with the spectrum or the decision" if "redshift" in facts else ""
        words = ", ".join(in_words(fact) for fact in facts)
        raise InvalidActionError(f"people outside of your groups would see this too: {words}{way}")


def admit(transient: Transient, group: Group | None) -> None:
    """Let an audience see a transient, as ``admit_to_locked`` does, which also says what this raises."""
    entries.lock(transient.pk)
    transient.refresh_from_db()
    admit_to_locked([transient], group)


def admit_to_locked(transients: Collection[Transient], group: Group | None) -> None:
    """Let an audience see transients. Call this within a transaction, before their first spectra are stored there.

    A transient that only groups knew begins anew: it arrives now, and nobody is looking at it. Its facts are taken
    back by an act that the group it was made for sees and can undo. Other names, light curves and comments stay with
    that group.

    transients: transients whose rows are locked, as they are stored.
    group: the new audience; None for everybody.

    Raises BoundSpectrumError if the audience has another transient of this name.
    """
    known: dict[int | None, set[int | None]] = defaultdict(set)
    for model in (Spectrum, Decision):
        rows = model._default_manager.filter(transient__in=transients).order_by()
        for transient_id, audience in rows.values_list("transient", "group").distinct():
            known[transient_id].add(audience)
    for transient in transients:
        before = known[transient.pk] or {transient.group_id}
        if None not in before and (group and group.pk) not in before:
            _begin_anew(transient, before, group)


def _begin_anew(transient: Transient, before: set[int | None], group: Group | None) -> None:
    """Give a transient that only groups knew to a further audience.

    before: ids of those groups.
    """
    here = {"transient": transient}
    other = Transient.objects.filter(key=transient.key, group=group).exclude(Q(pk=transient.pk) | Q(key="")).first()
    if other is not None:
        raise BoundSpectrumError(f"that audience knows the transient as {other}: move the spectrum there first")
    keeper = transient.group_id if transient.group_id in before else min(filter(None, before))
    taken_back = {fact: [getattr(transient, fact), blank] for fact, blank in UNKNOWN.items()}
    taken_back = {fact: values for fact, values in taken_back.items() if values[0] != values[1]}
    if taken_back:
        TransientAct.objects.create(transient=transient, group_id=keeper, detail=taken_back)
    _leave_with(keeper, OtherName.objects.filter(**here), "name")
    _leave_with(keeper, Photometry.objects.filter(**here), "sha256")
    Comment.objects.filter(**here, group__isnull=True).update(group=keeper)
    Brightness.objects.forget(transient.pk)
    Claim.objects.filter(**here).delete()
    # The TNS is asked anew, as about any transient that arrives.
    TnsRecord.objects.filter(**here).delete()
    transient.group, transient.created_at = group, timezone.now()
    for fact, blank in UNKNOWN.items():
        setattr(transient, fact, blank)
    transient.save(update_fields=["group", "created_at", *UNKNOWN])
    if "redshift" in taken_back:
        classify_again(Spectrum.objects.filter(transient=transient, stated_redshift__isnull=True))
    entries.refresh(transient.pk)


def withdraw(transient: Transient | None) -> None:
    """Give a transient that only groups still see to one of them. Call this after a spectrum of it left an audience.

    Otherwise others would find it by guessing its name.

    transient: the transient, or None to do nothing.
    """
    if transient is None:
        return
    here = {"transient": transient}
    left = _audiences(Spectrum.objects.filter(**here), Decision.objects.filter(**here))
    if transient.group_id is not None or not left or None in left:
        return
    for group in sorted(filter(None, left)):
        if not Transient.objects.filter(key=transient.key, group=group).exclude(key="").exists():
            transient.group_id = group
            transient.save(update_fields=["group"])
            return


def _audiences(spectra: QuerySet[Spectrum], decisions: QuerySet[Decision]) -> set[int | None]:
    """Return the ids of the groups that these rows belong to, None for everybody."""
    return {group for rows in (spectra, decisions) for group in rows.order_by().values_list("group", flat=True)}


def _leave_with(keeper: int | None, rows: QuerySet[OtherName] | QuerySet[Photometry], same: str) -> None:
    """Give the rows that have no group to a group, except those that it has already.

    same: name of the column that is equal in two records of one thing.
    """
    shared = rows.filter(group__isnull=True)
    shared.filter(**{f"{same}__in": list(rows.filter(group=keeper).values_list(same, flat=True))}).delete()
    shared.update(group=keeper)
