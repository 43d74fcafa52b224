"""Classifications that a SkyPortal has of its sources: stored here, so that the pages and the sync can use them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from classifier.taxonomy import load_taxonomy
from triage.chunks import chunks
from triage.models import RemoteClassification, SkyPortalInstance, SkyPortalPost
from triage.services.fields import moment, number, text

_COLUMNS = (
    "remote_name",
    "name",
    "class_name",
    "probability",
    "machine",
    "ours",
    "author",
    "origin",
    "remote_created",
    "remote_modified",
)


def of_people(instance: SkyPortalInstance) -> QuerySet[RemoteClassification]:
    """Return the server's classifications that neither a machine nor this desk made."""
    return RemoteClassification.objects.filter(instance=instance, machine=False, ours=False)


def classified_by_people(instance: SkyPortalInstance, name: str) -> bool:
    """Return whether people have classified a source on the server."""
    return of_people(instance).filter(remote_name=name).exists()


def record_classifications(instance: SkyPortalInstance, rows: Iterable[dict[str, Any]]) -> set[int]:
    """Store classifications of any sources, and return their ids on the server. Rows without an id are left out."""
    kept: set[int] = set()
    for chunk in chunks(_with_id(rows)):
        keys = _keys_of_posts(instance, {text(row.get("obj_id"), 200) for row in chunk})
        RemoteClassification.objects.bulk_create(
            [_stored(instance, row, keys) for row in {row["id"]: row for row in chunk}.values()],
            update_conflicts=True,
            unique_fields=("instance", "remote_id"),
            update_fields=_COLUMNS,
        )
        kept |= {row["id"] for row in chunk}
    return kept


def forget_classifications(rows: QuerySet[RemoteClassification], kept: set[int]) -> None:
    """Delete the classifications that the server no longer has.

    rows: classifications that the server was asked for.
    kept: ids of those that it has.
    """
    gone = [pk for pk, remote_id in rows.values_list("pk", "remote_id") if remote_id not in kept]
    for chunk in chunks(gone):
        RemoteClassification.objects.filter(pk__in=chunk).delete()


def _with_id(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (row for row in rows if isinstance(row.get("id"), int) and not isinstance(row["id"], bool))


def _keys_of_posts(instance: SkyPortalInstance, names: set[str]) -> dict[str, list[str]]:
    """Return the keys of the desk's own posts about sources, by the source's name."""
    keys = defaultdict(list)
    posts = SkyPortalPost.objects.filter(instance=instance, remote_name__in=names)
    for name, key in posts.values_list("remote_name", "key"):
        keys[name].append(key)
    return keys


def _stored(instance: SkyPortalInstance, row: dict[str, Any], keys: dict[str, list[str]]) -> RemoteClassification:
    said, name, origin = text(row.get("classification")), text(row.get("obj_id"), 200), text(row.get("origin"), 2000)
    return RemoteClassification(
        instance=instance,
        remote_id=row["id"],
        remote_name=name,
        name=said,
        class_name=class_of(said),
        probability=number(row.get("probability")),
        machine=row.get("ml") is True,
        ours=any(key in origin for key in keys.get(name, ())),
        author=text(row.get("author_name")),
        origin=origin,
        remote_created=moment(row.get("created_at")) or moment(row.get("modified")),
        remote_modified=moment(row.get("modified")),
    )


def class_of(name: str) -> str:
    """Return the desk's class for a name of the server's taxonomy, or "" if there is none."""
    taxonomy = load_taxonomy()
    exact = next((entry.name for entry in taxonomy.classes if entry.skyportal == name), "")
    found = taxonomy.find(name)
    return exact or (found.name if found else "")
