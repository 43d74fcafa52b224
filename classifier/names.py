"""Names of transients: which spellings mean the same one."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

# A few characters become several in their normal form; further ones of such a name do not count.
KEY_LENGTH = 160

# Blanks, underscores and characters without a width never count. A hyphen counts only as the sign of a declination,
# before two digits of degrees.
_SEPARATORS = re.compile(r"[\s_\u200b-\u200f\u2060\ufeff]+|(?<![\d.]\d)-|-(?!\d\d)")
# The prefix of an IAU designation says what kind of transient it is, not which one.
_IAU_PREFIX = re.compile(r"(?:sn|at|tde)(?=(?:19|20)\d\d)")
# Supernovae are also written with two digits of the year, as in SNID's templates.
_SHORT_YEAR = re.compile(r"sn(\d\d)([a-z]{1,5})")
# Rubin's objects are known by a number with or without words before it.
_RUBIN = re.compile(r"(?:lsst)?(?:p?do)?(\d{15,20})")


def name_key(name: str) -> str:
    """Return a name in the form in which names are compared: equal keys mean the same transient.

    SN 2021zzx, at2021zzx and 2021zzx have one key, and so have SN 1994D and sn94D, or ASASSN-15lh and asassn_15LH.
    """
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", name).casefold())
    if rubin := _RUBIN.fullmatch(plain):
        return f"lsst{rubin[1]}"
    if short := _SHORT_YEAR.fullmatch(plain):
        # A year that is still to come is one of the last century: SN 37C is SN 1937C.
        year = 2000 + int(short[1])
        return f"{year if year <= datetime.now(UTC).year + 1 else year - 100}{short[2]}"
    return _IAU_PREFIX.sub("", plain, count=1)[:KEY_LENGTH]
