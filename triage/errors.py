"""Errors of the desk. Each has a code for machines and words for people; the edge adds the HTTP status."""

from __future__ import annotations


class TriageError(Exception):
    """Base class of the errors below.

    detail: the reason, in words for people.
    """

    code = "error"
    status = 400

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidDecisionError(TriageError):
    code = "invalid_decision"


class InvalidCommentError(TriageError):
    code = "invalid_comment"


class UnknownClassError(TriageError):
    code = "unknown_class"


class StalePredictionError(TriageError):
    """There is a newer prediction than the one that the reviewer saw."""

    code = "stale_prediction"
    status = 409


class NewerDecisionError(TriageError):
    """Somebody else decided while the reviewer was looking."""

    code = "newer_decision"
    status = 409


class ClaimedError(TriageError):
    """Somebody else is looking at the transient."""

    code = "claimed"
    status = 409


class AlreadyUndoneError(TriageError):
    code = "already_undone"
    status = 409


class BoundSpectrumError(TriageError):
    """Something binds the spectrum to its transient, such as a decision, so it cannot be moved."""

    code = "spectrum_bound"
    status = 409


class NotYoursError(TriageError):
    """The thing exists, but only others may do this with it."""

    code = "not_yours"
    status = 403


class NotYourDecisionError(NotYoursError):
    pass


class WiderTokenError(TriageError):
    """A token may not make another token with more rights, or a longer life, than its own."""

    code = "wider_token"
    status = 403


class NotFoundError(TriageError):
    """The thing does not exist, or the user may not see it. The answer does not tell which."""

    code = "not_found"
    status = 404


class InvalidUploadError(TriageError):
    code = "invalid_upload"


class InvalidManifestRowError(TriageError):
    """A manifest's row about one file cannot be used; ``detail`` names the line and the column."""

    code = "invalid_manifest_row"


class TooLargeError(TriageError):
    code = "too_large"
    status = 413


class TokenUnreadableError(TriageError):
    """A stored token was encrypted under another key."""

    code = "token_unreadable"


class InvalidActionError(TriageError):
    """The action does not fit the present state of the thing, or a value is not allowed."""

    code = "invalid_action"
    status = 409


class UnmeasurableLineError(TriageError):
    """The stretch holds too few samples to measure a line."""

    code = "too_few_samples"


class UnreadableLightCurveError(TriageError):
    """A photometry file has no table of times, filters and brightnesses; ``detail`` names the line."""

    code = "unreadable_light_curve"
