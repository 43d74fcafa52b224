"""Names of transients: which names are allowed, and which spellings mean the same designation."""

from __future__ import annotations

import re

from django.core.validators import RegexValidator

# A name is one segment of an address, so it cannot hold "/".
validate_transient_name = RegexValidator(
    r"^[^/\x00-\x1f\x7f]+$", "A transient's name may not hold “/” or control characters.", code="bad_name"
)

# An IAU designation. Its prefix says what kind of transient it is, not which one, so it is ignored in comparisons.
_DESIGNATION = re.compile(r"(?:SN|AT|TDE)? ?((?:19|20)\d\d(?:[A-Z]|[a-z]{2,5}))$")
_PREFIXES = ("SN", "AT", "TDE")


def designation(name: str) -> str:
    """Return the designation without its prefix ("2026abc" for "SN 2026abc"), or "" for any other name."""
    match = _DESIGNATION.match(name)
    return match[1] if match else ""


def spellings(name: str) -> list[str]:
    """Return every spelling of an IAU designation, or an empty list for any other name.

    AT2026abc becomes SN2026abc once it is classified, and many people leave the prefix out.
    """
    bare = designation(name)
    return [bare, *(f"{prefix}{blank}{bare}" for prefix in _PREFIXES for blank in ("", " "))] if bare else []
