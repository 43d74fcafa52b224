"""Transients by their names, in any spelling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from classifier.names import name_key
from triage.models.other_name import OtherName

if TYPE_CHECKING:
    from triage.models.transient import Transient


def spelt(
    names: Collection[str], transients: QuerySet[Transient], other_names: QuerySet[OtherName]
) -> dict[str, Transient]:
    """Return the transients that names mean, by name; a name that means none is left out.

    The exact name comes first, then another spelling of it, then another name; the oldest transient wins.

    transients: transients that may be meant.
    other_names: other names that are known to the one who asks.
    """
    keys = {name: name_key(name) for name in names}
    without_key = [name for name, key in keys.items() if not key]
    alike: dict[str, list[Transient]] = defaultdict(list)
    wanted = Q(key__in=set(filter(None, keys.values()))) | Q(name__in=without_key)
    for transient in transients.filter(wanted).order_by("pk"):
        alike[transient.key or transient.name].append(transient)
    found = {}
    for name, key in keys.items():
        if candidates := alike[key or name]:
            found[name] = next((one for one in candidates if one.name == name), candidates[0])
    left = {name: key for name, key in keys.items() if key and name not in found}
    return found | _called_otherwise(left, transients, other_names)


def _called_otherwise(
    keys: dict[str, str], transients: QuerySet[Transient], other_names: QuerySet[OtherName]
) -> dict[str, Transient]:
    """Return the oldest transients that have other names with these keys, by name.

    keys: key of each name.
    """
    bearers: dict[str, list[int]] = defaultdict(list)
    for key, transient in other_names.filter(key__in=set(keys.values())).values_list("key", "transient"):
        bearers[key].append(transient)
    known = transients.in_bulk(sorted({pk for several in bearers.values() for pk in several}))
    oldest = {key: min((pk for pk in several if pk in known), default=None) for key, several in bearers.items()}
    return {name: known[pk] for name, key in keys.items() if (pk := oldest.get(key)) is not None}
