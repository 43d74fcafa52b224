"""Environment variables with types, and what the settings make of some of them."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

log = logging.getLogger(__name__)

# Containers have their secrets mounted here. Nobody but the desk is in such a container.
MOUNTED = Path("/run/secrets")


def env(name: str, default: str = "") -> str:
    """Return a variable as text. ``NAME_FILE`` may name a file that holds it, as container secrets do.

    A file that other users of the machine can read is used, with a warning in the log.
    """
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return os.environ.get(name, default)
    if is_open_to_others(Path(file)):
        log.warning("WARNING: every user of this machine can read %s (%s_FILE). Run: chmod 600 %s", file, name, file)
    return Path(file).read_text(encoding="utf-8").strip()


def is_open_to_others(file: Path) -> bool:
    """Return whether every user of the machine can read a file, which takes a way through all its folders too."""
    file = file.resolve()
    if MOUNTED in file.parents:
        return False
    ways = (folder.stat().st_mode & stat.S_IXOTH for folder in file.parents)
    return bool(file.stat().st_mode & stat.S_IROTH) and all(ways)


def env_bool(name: str, default: bool = False) -> bool:
    text = env(name).strip().lower()
    if text in {"", "1", "0", "true", "false", "yes", "no", "on", "off"}:
        return default if not text else text in {"1", "true", "yes", "on"}
    raise ImproperlyConfigured(f"{name} must be true or false, not “{text}”")


def env_int(name: str, default: int) -> int:
    text = env(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not “{text}”") from None


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def secret_key(var: Path) -> str:
    """Return SECRET_KEY, or a random key that the embedded desk keeps in its folder ``var``."""
    given = env("SECRET_KEY")
    if given:
        return given
    file = var / "secret_key"
    if not file.exists():
        # The file appears with the key in it, or not at all, even if the disk is full or the process is killed.
        with tempfile.NamedTemporaryFile("w", dir=var, encoding="ascii") as made:
            made.write(secrets.token_urlsafe(50))
            made.flush()
            try:
                os.link(made.name, file)
            except FileExistsError:
                log.debug("another process made the key")
            except OSError:
                # A file system without hard links.
                with contextlib.suppress(FileExistsError), file.open("x", encoding="ascii") as own:
                    own.write(Path(made.name).read_text(encoding="ascii"))
    return file.read_text(encoding="ascii")


def database(url: str, var: Path) -> dict[str, Any]:
    """Return Django's dictionary for a database.

    url: its address, postgres://…; empty for an SQLite file in the folder ``var``.
    """
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": var / "db.sqlite3",
            # A writer takes the lock when it begins, so that a second one waits instead of failing half-way.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres://")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # For the queue's long queries, Postgres takes far longer to compile them than to answer them.
        "OPTIONS": {"options": "-c jit=off"} | dict(parse_qsl(parts.query)),
    }
