"""Classifications that a SkyPortal has of its sources: stored here, so that the pages and the sync can use them."""

from __future__ import annotations

from typing import Any

from classifier.taxonomy import load_taxonomy
from triage.models import RemoteClassification, SkyPortalInstance, SkyPortalPost
from triage.services.skyportal.remote_records import moment, number, text


def classified_by_people(instance: SkyPortalInstance, name: str) -> bool:
    """Return whether the server has a classification that neither a machine nor this desk made."""
    rows = RemoteClassification.objects.filter(instance=instance, remote_name=name, machine=False, ours=False)
    return rows.exists()


def record_classifications(instance: SkyPortalInstance, name: str, rows: list[dict[str, Any]]) -> None:
    """Store all classifications of one source, and delete those that its server no longer has."""
    ids = [remote_id for row in rows if (remote_id := record_classification(instance, name, row)) is not None]
    gone = RemoteClassification.objects.filter(instance=instance, remote_name=name).exclude(remote_id__in=ids)
    gone.delete()


def record_classification(instance: SkyPortalInstance, name: str, row: dict[str, Any]) -> int | None:
    """Store one classification and return its id on the server, or None if the row has no id."""
    remote_id = row.get("id")
    if not isinstance(remote_id, int) or isinstance(remote_id, bool):
        return None
    said = text(row.get("classification"))
    origin = text(row.get("origin"), 2000)
    mine = SkyPortalPost.objects.filter(instance=instance, remote_name=name)
    RemoteClassification.objects.update_or_create(
        instance=instance,
        remote_id=remote_id,
        defaults={
            "remote_name": name,
            "name": said,
            "class_name": class_of(said),
            "probability": number(row.get("probability")),
            "machine": row.get("ml") is True,
            "ours": any(key in origin for key in mine.values_list("key", flat=True)),
            "author": text(row.get("author_name")),
            "origin": origin,
            "remote_modified": moment(row.get("modified")),
        },
    )
    return remote_id


def class_of(name: str) -> str:
    """Return the desk's class for a name of the server's taxonomy, or "" if there is none."""
    taxonomy = load_taxonomy()
    exact = next((entry.name for entry in taxonomy.classes if entry.skyportal == name), "")
    found = taxonomy.find(name)
    return exact or (found.name if found else "")
