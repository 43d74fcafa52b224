"""Text that reviewers type: what may be stored."""

from __future__ import annotations

LONGEST = 4000


def fault_of(comment: str) -> str:
    """Return why a comment cannot be stored, in words, or "" if it can."""
    if any(not c.isprintable() and c not in "\n\r\t" for c in comment):
        return "a comment may not hold control characters"
    return f"a comment may have {LONGEST} characters" if len(comment) > LONGEST else ""
