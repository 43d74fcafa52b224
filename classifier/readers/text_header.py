"""The header of a text file: its lines of a key and a value, as FITS, pipelines and people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence

# A remark in brackets may follow the key: "Obs date (UT): …".
_KEY_VALUE = re.compile(r"\s*([A-Za-z][\w ./-]{0,40}?)\s{0,80}(?:[(\[][^)\]]{0,40}[)\]]\s{0,80})?[=:]\s*(.*)$")
# The same without a sign between key and value. A digit tells the value from the names of columns.
_DATE_AND_VALUE = re.compile(r"\s*((?:obs\w*|ut)?[ _-]?date(?:[_-]?obs)?)\s+(\d.*)$", re.I)
_KEY_AND_WORD = re.compile(
    r"\s*(object|target|objname|redshift|exptime|ra|dec|(?:obs[_-]?)?mjd(?:[_-]?obs)?|[hb]?jd)\s+"
    r"((?:(?:SN|AT|TDE) )?\S*\d\S*)(?:\s+[a-z]{1,3})?\s*$",
    re.I,
)
_SECOND_KEY = re.compile(r"\s+(dec\w*)\s*[=:]\s*", re.I)


def read_header(comments: Sequence[str]) -> dict[str, str]:
    """Return the ``KEY: value`` and ``KEY = 'value' / comment`` lines by key, in upper case.

    Values are not parsed further, so that 00:04:25.70 stays text.
    """
    header: dict[str, str] = {}
    for line in comments:
        first, *second = _SECOND_KEY.split(line, maxsplit=1) if line[:2].upper() == "RA" else [line]
        dated = _DATE_AND_VALUE.match(first)
        match = _KEY_VALUE.match(first) if not dated and ("=" in first or ":" in first) else None
        if match:
            value = match[2].strip()
            quoted = re.match(r"'([^']*)'", value)
            header.setdefault(match[1].strip().upper(), quoted[1].strip() if quoted else value.split(" / ")[0].strip())
        elif dated:
            header.setdefault("DATE-OBS", dated[2])
        elif plain := _KEY_AND_WORD.match(first):
            header.setdefault(plain[1].upper(), plain[2])
        if second:
            header.setdefault(second[0].upper(), second[1].strip())
    return header
