"""Names of transients: which names are allowed, and which spellings mean the same transient."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django.core.validators import RegexValidator
from django.db import models

# A name is one segment of an address, so it cannot hold "/".
validate_transient_name = RegexValidator(
    r"^[^/\x00-\x1f\x7f]+$", "A transient's name may not hold “/” or control characters.", code="bad_name"
)

# A few characters become several in their normal form; further ones of such a name do not count.
KEY_LENGTH = 160

# Blanks, underscores and characters without a width never count. A hyphen counts only as the sign of a declination,
# before two digits of degrees.
_SEPARATORS = re.compile(r"[\s_\u200b-\u200f\u2060\ufeff]+|(?<![\d.]\d)-|-(?!\d\d)")
# The prefix of an IAU designation says what kind of transient it is, not which one.
_IAU_PREFIX = re.compile(r"(?:sn|at|tde)(?=(?:19|20)\d\d)")
# Rubin's objects are known by a number with or without words before it.
_RUBIN = re.compile(r"(?:lsst)?(?:p?do)?(\d{15,20})")


def name_key(name: str) -> str:
    """Return a name in the form in which names are compared: equal keys mean the same transient.

    SN 2021zzx, at2021zzx and 2021zzx have one key, and so have ASASSN-15lh and asassn_15LH.
    """
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", name).casefold())
    rubin = _RUBIN.fullmatch(plain)
    key = f"lsst{rubin[1]}" if rubin else _IAU_PREFIX.sub("", plain, count=1)
    return key[:KEY_LENGTH]


class NameKeyField(models.CharField):  # type: ignore[type-arg]
    """Column for the key of a record's ``name``, which fills itself whenever the record is saved."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Processes of the release before this column write records without it.
        super().__init__(*args, **{"max_length": KEY_LENGTH, "editable": False, "db_default": "", **kwargs})

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return the key of the record's name, and store it with the record."""
        key = name_key(model_instance.name)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key
