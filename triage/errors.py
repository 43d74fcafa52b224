"""What can go wrong in the desk's own terms. Each has a code for machines; HTTP statuses are added at the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triage.models import Spectrum


class TriageError(Exception):
    """Base of the errors below; ``detail`` is for people."""

    code = "error"
    status = 400

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidDecisionError(TriageError):
    code = "invalid_decision"


class UnknownClassError(TriageError):
    code = "unknown_class"


class StalePredictionError(TriageError):
    """The prediction that the reviewer saw is not the current one any more."""

    code = "stale_prediction"
    status = 409


class NewerDecisionError(TriageError):
    """Somebody else decided while the reviewer was looking."""

    code = "newer_decision"
    status = 409


class ClaimedError(TriageError):
    """Somebody else is looking at the transient just now."""

    code = "claimed"
    status = 409


class AlreadyUndoneError(TriageError):
    code = "already_undone"
    status = 409


class BoundSpectrumError(TriageError):
    """The spectrum cannot go to another transient as things stand."""

    code = "spectrum_bound"
    status = 409


class NotYoursError(TriageError):
    """It is there, and others may do this with it."""

    code = "not_yours"
    status = 403


class NotYourDecisionError(NotYoursError):
    pass


class WiderTokenError(TriageError):
    """A token asks for one that may more, or for longer, than it may itself."""

    code = "wider_token"
    status = 403


class NotFoundError(TriageError):
    """It does not exist, or the user may not see it: from outside the two look the same."""

    code = "not_found"
    status = 404


class InvalidUploadError(TriageError):
    code = "invalid_upload"


class TooLargeError(TriageError):
    code = "too_large"
    status = 413


class UnreadableSpectrumError(TriageError):
    """The file was kept in quarantine; ``spectrum`` is its record."""

    def __init__(self, code: str, detail: str, receipt: dict[str, Any], spectrum: Spectrum) -> None:
        super().__init__(detail)
        self.code = code
        self.receipt = receipt
        self.spectrum = spectrum


class TokenUnreadableError(TriageError):
    """A stored token was encrypted under another key."""

    code = "token_unreadable"


class InvalidActionError(TriageError):
    """What was asked for does not fit the state that the thing is in."""

    code = "invalid_action"
    status = 409


class UnreadableLightCurveError(TriageError):
    """A photometry file that is no table of times, filters and brightnesses; ``detail`` names the line."""

    code = "unreadable_light_curve"
