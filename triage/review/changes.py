"""The sequence of classification changes, which readers follow with a cursor without missing one.

A transaction that draws a number holds a lock until it commits. So when a number becomes visible, all smaller ones are
visible too, or were given up. Without the lock, a reader could see 8, remember it, and never learn of a 7 that was
drawn earlier and committed later.
"""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import connection

from triage.models import ClassificationChange, Decision, Transient

# Number of this advisory lock among all that are taken in the database.
LOCK = 7_215_073_104


def note_change(transient: Transient, group: Group | None, before: Decision | None, after: Decision | None) -> None:
    """Record that one vetted decision ceased to stand and another began to.

    Call this last in a transaction, because other writers wait from here until the commit.

    group: the audience; None for everybody who is signed in.
    before: vetted decision that stood, or None.
    after: vetted decision that stands now, or None.
    """
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
