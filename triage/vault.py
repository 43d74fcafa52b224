"""Encryption of other services' tokens, so that a copy of the database alone gives none of them away."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from triage.errors import TokenUnreadableError


def _fernet() -> Fernet:
    material = settings.TOKEN_ENCRYPTION_KEY or settings.SECRET_KEY
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"triage: tokens of other services")
    return Fernet(base64.urlsafe_b64encode(key.derive(material.encode())))


def encrypt(text: str) -> str:
    """A text that only ``decrypt`` under the same key can read."""
    return _fernet().encrypt(text.encode()).decode("ascii")


def decrypt(encrypted: str) -> str:
    """Raises TokenUnreadableError where the key is another one than the text was encrypted with."""
    try:
        return _fernet().decrypt(encrypted.encode()).decode()
    except InvalidToken:
        raise TokenUnreadableError(
            "the stored token cannot be decrypted; was the key changed? Enter it again"
        ) from None
