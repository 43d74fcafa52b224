"""Connections to the fake SkyPortal, and rounds of its sync and outbox."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.fakes.skyportal import PRIVATE, PUBLIC, TOKEN, FakeSkyPortal
from triage.inference import worker
from triage.models import (
    Decision,
    RemoteSpectrum,
    SkyPortalInstance,
    SkyPortalPost,
    SkyPortalRun,
    Spectrum,
    Transient,
)
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.skyportal import outbox, sync


def connect(server: FakeSkyPortal, group: Group | None = None, **fields: Any) -> SkyPortalInstance:
    """Return a new connection to the server."""
    instance = SkyPortalInstance(name=f"Fritz {server.url}", url=server.url, group=group, **fields)
    instance.token = TOKEN
    instance.save()
    return instance


def run(instance: SkyPortalInstance, **options: Any) -> SkyPortalRun:
    """Run the sync of a connection and return its record."""
    instance.refresh_from_db()
    done = sync.sync(instance, **options)
    assert done is not None
    return done


def each_once(server: FakeSkyPortal, instance: SkyPortalInstance) -> bool:
    """Return whether the desk has every spectrum of a source that the token sees, and none twice."""
    visible = sorted(n for n, row in server.spectra.items() if PUBLIC in row["groups"] and row["type"] == "source")
    imported = RemoteSpectrum.objects.filter(instance=instance, spectrum__isnull=False)
    ids = sorted(imported.values_list("remote_id", flat=True))
    return ids == visible and Spectrum.objects.count() == len(visible) == imported.values("spectrum").distinct().count()


def synced(server: FakeSkyPortal, *names: str, group: Group | None = None, **fields: Any) -> SkyPortalInstance:
    """Return a connection whose spectra are imported and classified.

    names: sources, with one spectrum each.
    """
    for name in names:
        server.add_spectrum(name, (PRIVATE,) if group else (PUBLIC,))
    options = {"share_with": [PUBLIC], "posting_since": timezone.now(), "predictions_since": timezone.now(), **fields}
    instance = SkyPortalInstance(name="Fritz", url=server.url, group=group, **options)
    instance.token = TOKEN
    instance.save()
    sync.sync(instance)
    worker.process_backlog()
    return instance


def decide(user: User, name: str, class_name: str, **details: Any) -> Decision:
    """Override the prediction of a transient."""
    proposal = Proposal("override", class_name=class_name, **details)
    return record_decision(user, Transient.objects.get(name=name), proposal)


def deliver() -> int:
    """Run a round of the outbox, as if the time of the next attempt had come; return the number of posts sent."""
    SkyPortalPost.objects.update(next_attempt_at=None)
    return outbox.run(30)


def there(server: FakeSkyPortal) -> list[tuple[str, str, bool]]:
    """Return (source, class, ml) of each classification on the server, sorted."""
    return sorted((r["obj_id"], r["classification"], r["ml"]) for r in server.classifications.values())


def other_names(transient: Transient) -> set[tuple[str, str | None]]:
    """Return the other names of a transient, each with the group that knows it, or None if everybody does."""
    return set(transient.other_names.values_list("name", "group__name"))
