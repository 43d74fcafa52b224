"""The embedded desk's own user, and a night of simulated spectra for its first start."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from pathlib import Path

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User

from classifier.simulation.spectra import INSTRUMENTS, simulate, write_ascii
from triage.intake import submit
from triage.models import ApiToken, Scope, Transient

USER = "demo"

# Class, how many transients, range of redshifts. About the mix of a night's follow-up.
NIGHT: tuple[tuple[str, int, tuple[float, float]], ...] = (
    ("SN Ia", 12, (0.02, 0.11)),
    ("SN II", 6, (0.008, 0.05)),
    ("SN IIn", 2, (0.02, 0.08)),
    ("SN IIb", 2, (0.008, 0.03)),
    ("SN Ib", 2, (0.008, 0.03)),
    ("SN Ic", 2, (0.01, 0.04)),
    ("SN Ic-BL", 1, (0.02, 0.06)),
    ("SN Ibn", 1, (0.02, 0.05)),
    ("SLSN-I", 1, (0.12, 0.25)),
    ("TDE", 2, (0.05, 0.12)),
    ("AGN", 2, (0.1, 0.4)),
    ("Cataclysmic", 2, (0.0, 0.0)),
    ("Star", 1, (0.0, 0.0)),
)


@dataclasses.dataclass(frozen=True)
class Login:
    """Login of the embedded desk, which ``serve`` prints and writes to var/demo.json."""

    user: str
    password: str
    token: str


def demo_login(file: Path) -> Login:
    """Return the login of the demo user. It is made on the first start and kept in ``file`` (mode 0600)."""
    user, _ = User.objects.get_or_create(username=USER, defaults={"is_staff": True, "is_superuser": True})
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        login = Login(user.username, kept["password"], kept["token"])
    except (OSError, ValueError, KeyError, TypeError):
        login = Login(user.username, "", "")
    valid = ApiToken.objects.filter(user=user, key_hash=ApiToken.hash_key(login.token), revoked_at__isnull=True)
    if not login.token or not valid.exists():
        login = dataclasses.replace(login, token=ApiToken.issue(user, "demo", tuple(Scope))[1])
    if not login.password or not user.check_password(login.password):
        login = dataclasses.replace(login, password=secrets.token_urlsafe(9))
        user.set_password(login.password)
        user.save()
    return login


def write_login(file: Path, url: str, login: Login) -> None:
    """Write {url, user, password, token}, readable by the owner alone."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump({"url": url, **dataclasses.asdict(login)}, opened)


def seed(user: User) -> int:
    """Fill an empty desk with simulated transients, some with a second epoch; returns how many spectra came in. A desk
    that has seen any spectrum is left alone."""
    if Transient.objects.exists():
        return 0
    random = np.random.default_rng(20261123)
    plan = [(name, redshifts) for name, count, redshifts in NIGHT for _ in range(count)]
    random.shuffle(plan)
    sent = 0
    for number, (class_name, redshifts) in enumerate(plan):
        transient = f"SIM26{chr(97 + number // 26)}{chr(97 + number % 26)}"
        redshift = float(random.uniform(*redshifts))
        for epoch in range(2 if number % 8 == 3 else 1):
            _submit(user, random, transient, class_name, redshift, epoch)
            sent += 1
    return sent


def _submit(
    user: User, random: np.random.Generator, transient: str, class_name: str, redshift: float, epoch: int
) -> None:
    instrument = INSTRUMENTS[int(random.choice(len(INSTRUMENTS), p=(0.45, 0.2, 0.15, 0.1, 0.1)))]
    supernova = class_name.startswith("S") and class_name != "Star"
    spectrum = simulate(
        class_name,
        random,
        redshift=redshift,
        instrument=instrument,
        signal_to_noise=float(np.exp(random.uniform(np.log(5), np.log(30)))),
        host_fraction=float(random.choice((0.0, 0.1, 0.3))) if supernova else 0.0,
        phase=int(random.integers(0, 2)) + epoch,
    )
    header = {
        "OBJECT": transient,
        "INSTRUME": f"{instrument.name} (simulated)",
        "COMMENT": "simulated spectrum, drawn from class statistics; not an observation",
    }
    # Half of the hosts have a catalogued redshift; the rest is classified blind.
    known = round(redshift, 4) if random.random() < 0.5 and redshift else None
    given = submit.Given(transient=transient, redshift=known, simulated=True)
    submit.submit_spectrum(user, write_ascii(spectrum, header), f"{transient}_{epoch + 1}.txt", given)


def login_file() -> Path:
    """Return the path of the file with the embedded desk's login."""
    return Path(settings.VAR) / "demo.json"
