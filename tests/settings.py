"""Settings of the tests: triage.settings with a separate folder and fast password hashes."""

import os
import tempfile

from tests.backends import choose

_DATABASE_URL, _REDIS_URL = choose()
os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = _DATABASE_URL, _REDIS_URL
os.environ["TRIAGE_VAR"] = os.environ.get("TRIAGE_TEST_VAR") or tempfile.mkdtemp(prefix="triage-test-")
os.environ["CELERY_QUEUE"] = f"triage-test-{os.getpid()}"
os.environ.setdefault("SECRET_KEY", "only for tests")

# Single sign-on is switched on, so that its tables and addresses exist. The processes that tests start go without.
_OIDC = {"OIDC_ISSUER": "http://127.0.0.1:9", "OIDC_CLIENT_ID": "nobody", "OIDC_CLIENT_SECRET": "nothing"}
os.environ.update(_OIDC)

from triage.settings import *  # noqa: E402, F403

for _name in _OIDC:
    del os.environ[_name]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test process has its own cache, because the tokens of two runs have the same ids.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Tests read the numbers above the queue right after a change.
COUNTS_KEPT = 0
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]  # noqa: F405
