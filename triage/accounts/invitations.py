"""Invitations to groups: for a user of the desk, for an e-mail address, or for whoever gets the link.

The link holds the invitation's number, signed with the desk's secret key. The row says whether it is still good.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from triage.accounts import audit
from triage.accounts.groups import managed_group, managed_groups
from triage.doorbell import SEND_ACCOUNT_MAIL, ring_after_commit
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import AccountMail, AccountMailKind, GroupInvitation

_signer = signing.Signer(salt="triage.invitation")
# A group may have this many open invitations, so that nobody mails the world from the desk.
MOST_OPEN = 100


def invite(by: User, group_id: int, whom: str, life: timedelta, asked_from: str) -> GroupInvitation:
    """Invite somebody to a group.

    by: who invites.
    whom: a user name, an e-mail address, or "" for whoever gets the link.
    life: time until the invitation expires.
    asked_from: IP address of the request.

    The link goes out by e-mail if an address is known and the desk has a mail server.

    Raises NotFoundError if ``by`` may not manage the group, and InvalidActionError if the invitation makes no sense.
    """
    group = managed_group(by, group_id)
    user = _user_called(whom) if whom else None
    if user is not None and user.groups.filter(pk=group.pk).exists():
        raise InvalidActionError(f"“{user}” is a member already")
    if whom and user is None:
        _check_address(whom)
    with transaction.atomic():
        _check_limits(by, group)
        invitation = GroupInvitation.objects.create(
            group=group,
            made_by=by,
            user=user,
            email=user.email if user else whom,
            expires_at=timezone.now() + life,
        )
        audit.note(by, invitation, "made the invitation")
        if is_mailed(invitation):
            AccountMail.objects.create(
                kind=AccountMailKind.INVITATION, email=invitation.email, asked_from=asked_from, invitation=invitation
            )
            ring_after_commit(SEND_ACCOUNT_MAIL)
    return invitation


def _check_limits(by: User, group: Group) -> None:
    """Raise InvalidActionError if there are too many invitations of a group or a user. Others wait until the commit."""
    Group.objects.select_for_update(no_key=True).get(pk=group.pk)
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    if group.invitations.open().count() >= MOST_OPEN:
        raise InvalidActionError(f"the group has {MOST_OPEN} open invitations; withdraw some first")
    mailed = AccountMail.objects.filter(invitation__made_by=by, created_at__gt=timezone.now() - timedelta(days=1))
    if mailed.count() >= MOST_OPEN:
        raise InvalidActionError(f"you have sent {MOST_OPEN} invitations in a day; send more tomorrow")


def _user_called(whom: str) -> User | None:
    """Return the active user with a name, or None.

    A name that looks like an e-mail address must be the user's own address, or anybody could take the name of somebody
    else's address.
    """
    user = User.objects.filter(username=whom, is_active=True).first()
    return user if user is not None and ("@" not in whom or user.email == whom) else None


def is_mailed(invitation: GroupInvitation) -> bool:
    """Return whether the link goes out by e-mail."""
    return bool(invitation.email and settings.EMAIL_HOST)


def _check_address(whom: str) -> None:
    try:
        validate_email(whom)
    except ValidationError:
        raise InvalidActionError(f"there is no user “{whom}”; enter another name, or an e-mail address") from None


def open_invitations(group: Group) -> list[GroupInvitation]:
    """Return the group's invitations that can still be accepted, newest first."""
    return _good(group.invitations.open())


def waiting_for(user: User) -> list[tuple[GroupInvitation, str]]:
    """Return the invitations that name this user and can still be accepted, each with its token."""
    return [(row, token_of(row)) for row in _good(GroupInvitation.objects.open().filter(user=user))]


def _good(invitations: QuerySet[GroupInvitation]) -> list[GroupInvitation]:
    """Return the invitations whose maker may still make them, newest first."""
    rows = list(invitations.select_related("user", "made_by", "group").order_by("-pk"))
    managed = {inviter: _managed_by(inviter) for inviter in {row.made_by for row in rows}}
    return [row for row in rows if row.group_id in managed[row.made_by]]


def token_of(invitation: GroupInvitation) -> str:
    """Return the part of the link that stands for the invitation."""
    return _signer.sign(str(invitation.pk))


def find(token: str) -> GroupInvitation | None:
    """Return the invitation of a link, or None if it is forged, used, withdrawn, void or has expired."""
    try:
        number = int(_signer.unsign(token))
    except (signing.BadSignature, ValueError):
        return None
    found = GroupInvitation.objects.open().filter(pk=number).select_related("group", "made_by", "user").first()
    return found if found is not None and found.group_id in _managed_by(found.made_by) else None


def _managed_by(inviter: User) -> set[int]:
    """Return the ids of the groups that an active user manages."""
    return set(managed_groups(inviter).values_list("pk", flat=True)) if inviter.is_active else set()


def accept(user: User, invitation: GroupInvitation) -> None:
    """Make the user a member of the group. The invitation is used up.

    Raises NotYoursError if it names another user, and InvalidActionError if somebody was quicker or the user is a
    member already.
    """
    if invitation.user_id not in (None, user.pk):
        raise NotYoursError("this invitation is for another user")
    if user.groups.filter(pk=invitation.group_id).exists():
        raise InvalidActionError("you are a member already; the invitation stays open for somebody else")
    with transaction.atomic():
        _end(invitation, accepted_by=user)
        user.groups.add(invitation.group)
        audit.note(user, invitation.group, f"joined the group, invited by {invitation.made_by}")


def sign_up(user: User, invitation: GroupInvitation) -> None:
    """Store a new user and make them a member. Nobody is stored if the invitation is no longer good.

    user: with name, e-mail address and password, and not yet saved.

    Raises as ``accept`` does.
    """
    if invitation.user_id is not None:
        raise NotYoursError("this invitation is for another user")
    with transaction.atomic():
        user.save()
        audit.note(user, user, "made the account from an invitation")
        accept(user, invitation)


def decline(user: User, invitation: GroupInvitation) -> None:
    """End an invitation that names the user. Raises NotYoursError for any other."""
    if invitation.user_id != user.pk:
        raise NotYoursError("this invitation does not name you; you need not answer it")
    with transaction.atomic():
        _end(invitation)
        audit.note(user, invitation, "declined the invitation")


def withdraw(by: User, group_id: int, invitation_id: int) -> None:
    """End an open invitation of a group that one manages. Raises NotFoundError if there is no such one."""
    invitation = managed_group(by, group_id).invitations.open().filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFoundError("the group has no such invitation; it was perhaps used")
    with transaction.atomic():
        _end(invitation)
        audit.note(by, invitation, "withdrew the invitation")


def _end(invitation: GroupInvitation, accepted_by: User | None = None) -> None:
    """End an invitation. Of two that come at once, one succeeds."""
    still_open = GroupInvitation.objects.open().filter(pk=invitation.pk)
    if not still_open.update(ended_at=timezone.now(), accepted_by=accepted_by):
        raise InvalidActionError("this invitation is no longer good; ask for a new one")
