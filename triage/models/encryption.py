"""Encryption of other services' tokens, so that nobody can read them from a copy of the database alone."""

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
    """Return the text encrypted, so that only ``decrypt`` with the same key can read it."""
    return _fernet().encrypt(text.encode()).decode("ascii")


def decrypt(encrypted: str) -> str:
    """Return the text in clear. Raises TokenUnreadableError if it was encrypted with another key."""
    try:
        return _fernet().decrypt(encrypted.encode()).decode()
    except InvalidToken:
        raise TokenUnreadableError(
            "the stored token cannot be decrypted, because the encryption key has changed: enter the token again"
        ) from None
