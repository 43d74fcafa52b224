"""Lookup of this desk's transients at the Transient Name Server (TNS), and import of its public spectra.

Names and coordinates of transients that everybody at the desk may see are sent to the TNS. So the desk asks only if
TNS_LOOKUP is set.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from classifier.readers.coordinates import sexagesimal
from classifier.spectrum import is_plausible_redshift
from triage.doorbell import POLL_TNS, ring_after_commit
from triage.errors import InvalidActionError, TriageError
from triage.intake.submit import Given, submit_spectrum
from triage.models import Spectrum, TnsRecord, TnsTarget, Transient
from triage.services.fields import moment, number, record_of, rows_of, text
from triage.services.tns.client import RejectedError, TnsClient, TnsError, has_credentials
from triage.services.tns.payload import find_name

log = logging.getLogger(__name__)

# The TNS lets a bot ask a few times a minute; a round has this many transients.
AT_ONCE = 10
RADIUS_ARCSEC = 3
# A transient that the TNS does not know, or has not classified, is asked about again after a day, others later.
SOON, LATE = timedelta(days=1), timedelta(days=30)
# An old transient that was never classified will hardly be.
RECENT = timedelta(days=60)
# A TNS that refused or did not answer is left alone for so long.
PAUSE_SECONDS = 300


def look_up_due() -> None:
    """Ask the TNS about transients that it was not asked about lately, and import the spectra that users want."""
    if not (settings.TNS_LOOKUP and has_credentials()) or cache.get("tns-pause"):
        return
    try:
        with TnsClient(TnsTarget.LIVE) as client:
            for transient in _due():
                _ask(client, transient)
            for record in TnsRecord.objects.filter(import_for__isnull=False).select_related("transient", "import_for"):
                if record.import_for is not None:
                    _import(client, record, record.import_for)
    except TnsError as error:
        cache.set("tns-pause", True, PAUSE_SECONDS)
        log.warning("the TNS did not answer and is left alone for a while: %s", error.detail)


def _due() -> list[Transient]:
    public = Spectrum.objects.filter(transient=OuterRef("pk"), group__isnull=True)
    due = Q(tns_record__isnull=True) | Q(tns_record__next_ask_at__lte=timezone.now())
    rows = Transient.objects.filter(due, Exists(public), simulated=False).order_by("-pk")
    return list(rows.prefetch_related("other_names").select_related("tns_record")[:AT_ONCE])


def _ask(client: TnsClient, transient: Transient) -> None:
    names = [transient.name, *(other.name for other in transient.other_names.all() if other.group_id is None)]
    try:
        name = find_name("", names) or _search(client, transient, names)
        found = client.object(name) if name else {}
    except RejectedError as error:
        # The TNS refused this question; others may do better. What it said before stays.
        row = {"problem": error.detail, "asked_at": timezone.now(), "next_ask_at": timezone.now() + SOON}
        TnsRecord.objects.update_or_create(transient=transient, defaults=row)
        return
    redshift = number(found.get("redshift"))
    class_name = text(record_of(found.get("object_type")).get("name"), 60)
    young = timezone.now() - transient.created_at < RECENT
    TnsRecord.objects.update_or_create(
        transient=transient,
        defaults={
            "name": text(found.get("objname"), 40),
            "prefix": text(found.get("name_prefix"), 10),
            "class_name": class_name,
            "redshift": redshift if redshift is not None and is_plausible_redshift(redshift) else None,
            "spectra": [_spectrum(row) for row in rows_of(found, "spectra") if row.get("asciifile")],
            "problem": "",
            "asked_at": timezone.now(),
            "next_ask_at": timezone.now() + (SOON if young and not class_name else LATE),
        },
    )


def _search(client: TnsClient, transient: Transient, names: list[str]) -> str:
    """Return the TNS name at the transient's place, or else that of one of its names; "" if there is none."""
    queries: list[dict[str, str]] = []
    if transient.ra is not None and transient.dec is not None:
        ra, dec = sexagesimal(transient.ra, transient.dec)
        queries.append({"ra": ra, "dec": dec, "radius": str(RADIUS_ARCSEC), "units": "arcsec"})
    queries += [{"internal_name": name, "internal_name_exact_match": "1"} for name in names]
    return next((name for query in queries if (name := client.search(query))), "")


def _spectrum(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what is kept of a public spectrum; unknown values are ""."""
    return {
        "address": str(row["asciifile"]),
        "observed_at": text(row.get("obsdate")),
        "instrument": text(record_of(row.get("instrument")).get("name")),
        "by": text(record_of(row.get("source_group")).get("group_name")) or text(row.get("observer")),
    }


def want_spectra(user: User, transient: Transient) -> TnsRecord:
    """Let a worker import the public spectra that the TNS has of a transient.

    Raises InvalidActionError if the TNS has none.
    """
    if not (settings.TNS_LOOKUP and has_credentials()):
        raise InvalidActionError("this desk does not ask the TNS (TNS_LOOKUP, and its credentials)")
    record = TnsRecord.objects.filter(transient=transient).first()
    if record is None or not record.spectra:
        raise InvalidActionError("the TNS has no public spectrum of this transient")
    TnsRecord.objects.filter(pk=record.pk).update(import_for=user, problem="")
    ring_after_commit(POLL_TNS)
    return record


def _import(client: TnsClient, record: TnsRecord, sender: User) -> None:
    """Take in the public spectra of a record. One that cannot be read is in quarantine, as any upload."""
    problems = []
    for spectrum in record.spectra:
        filename = spectrum["address"].partition("?")[0].rpartition("/")[2] or "spectrum.txt"
        given = Given(
            transient=record.transient.name,
            observed_at=moment(spectrum["observed_at"]),
            instrument=spectrum["instrument"],
            comment=f"from the TNS, by {spectrum['by']}" if spectrum["by"] else "from the TNS",
        )
        try:
            submit_spectrum(sender, client.download(spectrum["address"]), filename, given)
        except (TriageError, RejectedError) as error:
            problems.append(f"{filename}: {error.detail}")
    TnsRecord.objects.filter(pk=record.pk).update(import_for=None, problem="; ".join(problems))
