"""Test of a connection: what its server says to an address and a token, before or after they are saved."""

from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import SkyPortalError, UnauthorisedError, UnreachableError

# Permissions of a token that posts classifications and annotations.
POSTING = ("Classify", "Annotate")
MOST_NAMED = 10


@dataclasses.dataclass(frozen=True)
class Trial:
    """Outcome of a test.

    works: whether the connection can do what it is meant to do.
    said: what worked, or what failed, in one sentence.
    """

    works: bool
    said: str


def try_connection(url: str, token: str, *, posting: bool) -> Trial:
    """Ask a server for the groups and the permissions of a token. Nothing is written there.

    posting: whether the connection is to post, so that a token that may only read is not enough.
    """
    host = urlsplit(url).netloc
    try:
        with Client(url, token, patience_seconds=0) as client:
            groups, allowed = client.groups(), _permissions(client)
    except UnauthorisedError:
        return Trial(works=False, said=f"{host} was reached, but does not accept the token.")
    except UnreachableError as error:
        return Trial(works=False, said=f"{host} gives no usable answer: {error.detail}.")
    except SkyPortalError as error:
        return Trial(works=False, said=f"{host} was reached, but refuses to list the groups: {error.detail}.")
    if not groups:
        return Trial(works=False, said=f"{host} accepts the token, but it is in no group, so it can read nothing.")
    reached = f"{host} was reached and accepts the token, which sees {_listed([*groups.values()])}"
    if allowed is None:
        return Trial(works=True, said=f"{reached} and may read; the server does not say whether it may post.")
    if missing := [name for name in POSTING if name not in allowed]:
        lacking = f"it may only read: posting needs the permission {' and '.join(missing)}"
        return Trial(works=not posting, said=f"{reached}; {lacking}.")
    return Trial(works=True, said=f"{reached} and may read and post.")


def _permissions(client: Client) -> set[str] | None:
    """Return the permissions of the client's token, or None if the server does not tell them."""
    try:
        return client.permissions()
    except SkyPortalError:
        return None


def _listed(names: list[str]) -> str:
    """Return the number of groups and their names, of many only the first."""
    names = sorted(names, key=str.casefold)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{len(names)} group{'s'[: len(names) != 1]} ({', '.join(names[:MOST_NAMED])}{more})"
