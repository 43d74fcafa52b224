"""Cards of FITS headers: those that break the standard are mended, because Astropy would refuse the file.

Telescopes and pipelines write such cards often: times without quotes, TRUE instead of T, a decimal comma, a lost quote.
"""

from __future__ import annotations

import re

# A value as the standard allows it (FITS 4.0, section 4.2): text, logical, number, complex number or nothing.
_NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EDed][+-]?\d+)?"
_VALUE = re.compile(rb" *(?:'(?:[^']|'')*'|[TF]|%b|\( *%b *, *%b *\)|) *(?:/.*)?" % (_NUMBER, _NUMBER, _NUMBER), re.S)
_DECIMAL_COMMA = re.compile(rb"[+-]?\d+,\d+(?:[EDed][+-]?\d+)?")
_UNPRINTABLE = bytes([*range(32), *range(127, 256)])
_BLANKS = bytes.maketrans(_UNPRINTABLE, b" " * len(_UNPRINTABLE))
# Cards with these keywords have no value, or one that is checked elsewhere.
_LEFT = re.compile(rb"COMMENT|HISTORY|CONTINUE|END|SIMPLE|XTENSION|BITPIX|NAXIS|PCOUNT|GCOUNT| ")


def mend_card(card: bytes) -> bytes:
    """Return a card of 80 bytes that keeps the standard; one that does is returned unchanged.

    A value that is not allowed becomes text, and a number with a decimal comma a number.
    """
    plain = card.translate(_BLANKS)
    if _LEFT.match(plain):
        return plain
    equals = plain.find(b"=") if plain.startswith(b"HIERARCH ") else 8 if plain[8:9] == b"=" else -1
    if equals < 0:
        return plain
    value = plain[equals + 1 :]
    if _VALUE.fullmatch(value):
        return plain
    text = value.split(b" /")[0].strip(b" '")
    if _DECIMAL_COMMA.fullmatch(text):
        mended = b" " + text.replace(b",", b".").rjust(20)
    else:
        mended = b" '" + text.replace(b"'", b"")[: 76 - equals].ljust(8) + b"'"
    return (plain[: equals + 1] + mended).ljust(80)[:80]


def keyword_of(card: bytes) -> str:
    """Return the keyword of a card."""
    return card.split(b"=")[0].strip().decode("ascii", "replace")
