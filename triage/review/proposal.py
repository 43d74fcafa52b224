"""A verdict before it is checked."""

from __future__ import annotations

import dataclasses
import uuid


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A verdict as it comes from a page or the API, not yet checked.

    verdict: value of ``Verdict`` except "undo".
    class_name: class that the reviewer names, in any spelling that the taxonomy knows; "" to leave it to the
        prediction.
    redshift: the reviewer's own redshift, or None.
    comment: free text.
    prediction: id of the prediction that the reviewer saw, or None for the current one.
    spectrum: id of the spectrum that is bad or was looked at, or None.
    blind: whether the reviewer says that the prediction was hidden. If the desk hid it, the decision is blind anyhow.
    last_decision: id of the newest decision that the reviewer saw, 0 for none. None skips the check for newer ones.
    batch: id of the batch that the decision belongs to, or None.
    """

    verdict: str
    class_name: str = ""
    redshift: float | None = None
    comment: str = ""
    prediction: int | None = None
    spectrum: int | None = None
    blind: bool = False
    last_decision: int | None = None
    batch: uuid.UUID | None = None
