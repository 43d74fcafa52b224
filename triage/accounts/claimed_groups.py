"""Groups from the claims of a login: memberships follow the provider, and those given by hand stay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet

from triage.accounts import audit, groups
from triage.models import ClaimedMembership
from triage.operations.single_sign_on import OidcConfig


def listed(config: OidcConfig, claims: Mapping[str, Any]) -> QuerySet[Group]:
    """Return the desk's groups that a person's claims list. A group that the desk does not have is passed over.

    config: names the claim, and says which groups belong together.
    claims: claims of the login. The groups are a list of texts, or one text.
    """
    found = claims.get(config.groups_claim) if config.groups_claim else None
    names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    texts = [name for name in names if isinstance(name, str) and name.isprintable()]
    wanted = [config.groups[name] for name in texts if name in config.groups] if config.groups else texts
    return groups.shared().filter(name__in=wanted)


def follow(user: User, wanted: Collection[Group], provider: str) -> None:
    """Make the user a member of the groups that the claim lists, and end memberships that came from it before.

    wanted: groups that the claim lists now.
    provider: name of the provider, for the log.
    """
    with transaction.atomic():
        # Two logins at once do one after the other.
        User.objects.select_for_update().get(pk=user.pk)
        for claimed in ClaimedMembership.objects.filter(user=user).exclude(group__in=wanted).select_related("group"):
            groups.end(user, claimed.group)
            audit.note(user, claimed.group, f"left the group: {provider} no longer lists it")
        members_of = set(user.groups.values_list("pk", flat=True))
        for group in wanted:
            if group.pk not in members_of:
                user.groups.add(group)
                ClaimedMembership.objects.get_or_create(user=user, group=group)
                audit.note(user, group, f"joined the group: {provider} lists it")
