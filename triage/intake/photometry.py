"""Light curves of a transient: they are stored, and removed by the user who uploaded them."""

from __future__ import annotations

import hashlib

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from triage.doorbell import MEASURE_BRIGHTNESS, ring_after_commit
from triage.errors import NotFoundError
from triage.intake.disclosure import audience_of
from triage.intake.given import shown_name
from triage.intake.light_curve_table import read_light_curve
from triage.models import Brightness, BrightnessDue, Photometry, Transient
from triage.queue import entries


def add(user: User, transient: Transient, content: bytes, filename: str, group: Group | None) -> tuple[Photometry, int]:
    """Store the light curve of a file. The same file again gives the first record.

    content: the file's bytes.
    group: the light curve's audience; None for everybody who is signed in, or for the user's group if only groups see
        the transient.

    Returns the record, and the number of lines that have neither brightness nor limit.

    Raises UnreadableLightCurveError.
    """
    curve = read_light_curve(content)
    group = group or audience_of(user, transient)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        with transaction.atomic():
            # A prediction that is stored meanwhile waits, and then sees the light curve.
            entries.lock(transient.pk)
            row = Photometry.objects.create(
                transient=transient,
                group=group,
                uploaded_by=user,
                filename=shown_name(filename),
                sha256=sha256,
                unit=curve.unit,
                points=curve.points,
                limits=curve.limits,
            )
            BrightnessDue.objects.mark(transient.pk)
            ring_after_commit(MEASURE_BRIGHTNESS)
    except IntegrityError:
        row = Photometry.objects.get(transient=transient, group=group, sha256=sha256)
    return row, curve.skipped


def remove(user: User, photometry_id: int) -> Photometry:
    """Delete one of the user's own light curves and return it. Raises NotFoundError."""
    row: Photometry | None = Photometry.objects.visible_to(user).filter(pk=photometry_id, uploaded_by=user).first()
    if row is None:
        raise NotFoundError("you have uploaded no such light curve")
    # The returned record keeps its id, which ``row.delete()`` would clear.
    with transaction.atomic():
        Photometry.objects.filter(pk=row.pk).delete()
        Brightness.objects.forget(row.transient_id)
        ring_after_commit(MEASURE_BRIGHTNESS)
    return row
