"""All pages of a desk, and records that fill them: dated epochs, comments, an upload, a group."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page

from tests.desk import Desk
from tests.factories import spectrum_file

NAME = "SN 2026abc"
PAGES = (
    "",
    "?state=all&above=50&instrument=S",
    "queue/bulk/?threshold=50",
    "search/?q=2026",
    "tonight/",
    "tonight/?since=all",
    "night/digest/",
    "agreement/",
    "policies/",
    "policies/automatic/",
    "inbox/",
    "account/",
    "account/groups/",
    "account/groups/1/",
    "account/notifications/",
    "account/tokens/",
    "account/webhooks/",
    "upload/",
    "upload/1/",
    "vetted/",
    "quarantine/",
    "quarantine/?show=unnamed",
    "skyportal/",
    "skyportal/add/",
    "skyportal/outbox/",
    "tns/",
    "demo/",
)
OF_A_TRANSIENT = ("", "facts/", "photometry/", "twins/")
LIGHT_CURVE = "mjd,filter,mag,error\n" + "".join(f"{61340 + day},ztfg,{18 + day / 50:.2f},0.05\n" for day in range(30))


def furnish(desk: Desk, page: Page) -> None:
    """Fill a desk with an upload of four observed epochs of one transient and a file that cannot be read, two more
    transients, a light curve, two comments and a group.

    page: browser of the desk's own user, who is staff.
    """
    api = httpx.Client(
        base_url=f"{desk.url}api/v1/", headers={"Authorization": f"Token {desk.token}"}, timeout=60, trust_env=False
    )
    with api:
        upload = str(api.post("uploads/").raise_for_status().json()["id"])
        for number in range(4):
            stated = {"transient": NAME, "observed_at": f"2026-11-{3 + 6 * number:02d}T04:12:00Z", "upload": upload}
            stated |= {"instrument": "EFOSC2", "ra": "187.70593", "dec": "12.39112", "redshift": "0.021"}
            file = spectrum_file("SN II", seed=700 + number, redshift=0.021)
            name = f"{'a_long_name_of_a_reduced_spectrum_' * 2}{number}.txt"
            api.post("spectra/", data=stated, files={"file": (name, file)}).raise_for_status()
        for number, other in enumerate(("AT 2026xyz", "MASTER OT J120451.50+265946.6")):
            file = {"file": (f"{number}.txt", spectrum_file(seed=720 + number))}
            api.post("spectra/", data={"transient": other}, files=file).raise_for_status()
        api.post("spectra/", data={"upload": upload}, files={"file": ("clouds.txt", b"clouds all night\n")})
        api.post("spectra/", files={"file": ("nameless.txt", spectrum_file(seed=710))}).raise_for_status()
        curve = {"file": ("ztf.csv", LIGHT_CURVE.encode())}
        api.post(f"transients/{NAME}/photometry/", files=curve).raise_for_status()
        for text in (f"Is the line at 6560 Å flat-topped, @{desk.user}?", "The telluric band cuts its blue wing. " * 5):
            api.post(f"transients/{NAME}/comments/", json={"text": text}).raise_for_status()
    desk.wait_until_classified()
    page.goto(f"{desk.url}account/groups/")
    page.fill("[name=name]", "TiDES early science")
    page.click("button.primary")
