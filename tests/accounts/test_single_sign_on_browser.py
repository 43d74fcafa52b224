"""A running desk that takes no passwords, in a real Chromium: the way to the provider and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import chromium, watched
from tests.desk import running
from tests.fakes.oidc import CLIENT, SECRET, FakeOidc

pytestmark = pytest.mark.browser


def test_one_enters_and_leaves_the_desk_by_the_provider_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOidc() as provider:
        secret = tmp_path / "secret"
        secret.write_text(SECRET)
        variables = {
            "OIDC_ISSUER": provider.url,
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET_FILE": str(secret),
            "OIDC_NAME": "ORCID",
            "OIDC_SIGN_UP": "1",
            "PASSWORD_LOGIN": "0",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with running(tmp_path, "--no-demo") as desk, chromium() as page:
            errors = watched(page)
            page.goto(desk.url)
            expect(page.locator("input[type=password]")).to_have_count(0)
            page.click("text=Log in with ORCID")
            expect(page.locator("header.bar summary .user-word")).to_have_text("ada")
            page.goto(f"{desk.url}account/")
            expect(page.get_by_text("You log in as ada.")).to_be_visible()
            page.locator("header.bar summary").click()
            page.click("text=Log out")
            expect(page.get_by_text("Log in with ORCID")).to_be_visible()
            assert errors == []
