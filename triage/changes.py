"""The sequence of classification changes, which readers follow with a cursor and miss nothing.

Numbers are drawn one transaction after the other: whoever draws one holds a lock until the commit, so that a number
becomes visible only after all smaller ones are, or never will be. Without that, a reader could see 8, remember it, and
never learn of a 7 that was drawn earlier and committed later.
"""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import connection

from triage.models import ClassificationChange, Decision, Transient

# Of all that take advisory locks in this database, the number of this one.
LOCK = 7_215_073_104


def note_change(transient: Transient, group: Group | None, before: Decision | None, after: Decision | None) -> None:
    """Write down that ``before`` stands vetted no more and ``after`` does; None: nothing vetted. Within a transaction,
    as its last act: it makes other writers wait until the commit."""
    if before == after:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    for decision, withdrawn in ((before, True), (after, False)):
        if decision is not None:
            ClassificationChange.objects.create(
                transient=transient, group=group, decision=decision, withdrawn=withdrawn
            )
