"""Variables may come from files, which nobody else on the machine should be able to read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from triage.operations import environment
from triage.operations.environment import env


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file with a secret, in a folder that everybody may enter; pytest's own folders are closed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "key"
        file.write_text("hidden\n")
        monkeypatch.setenv("SECRET_KEY_FILE", str(file))
        yield file


def test_a_secret_that_every_user_can_read_is_used_with_a_loud_warning(
    secret: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret.chmod(0o644)
    assert env("SECRET_KEY") == "hidden"
    assert f"every user of this machine can read {secret} (SECRET_KEY_FILE)" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o600), (0o755, 0o640), (0o700, 0o644)])
def test_a_secret_that_is_closed_by_itself_or_by_its_folder_gives_no_warning(
    secret: Path, folder: int, file: int, caplog: pytest.LogCaptureFixture
) -> None:
    secret.chmod(file)
    secret.parent.chmod(folder)
    assert env("SECRET_KEY") == "hidden"
    assert not caplog.records


def test_a_secret_that_is_mounted_into_a_container_gives_no_warning(
    secret: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret.chmod(0o644)
    monkeypatch.setattr(environment, "MOUNTED", secret.parent)
    assert env("SECRET_KEY") == "hidden"
    assert not caplog.records


def test_a_key_that_could_not_be_written_is_made_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)

    def full(length: int) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(environment.secrets, "token_urlsafe", full)
        with pytest.raises(OSError, match="No space"):
            environment.secret_key(tmp_path)
    key = environment.secret_key(tmp_path)
    assert len(key) > 50
    assert environment.secret_key(tmp_path) == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 1
