"""Examples of bodies for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample


def _sent(name: str, value: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


def _answered(name: str, value: dict[str, Any], status: int) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


_RECEIPT = {"name": "AT2026abc.txt", "format": "text", "wavelength_range": [3800.2, 9198.7], "frame": "observed"}
UPLOAD = [
    _answered(
        "stored", {"id": 17, "state": "queued", "transient": "AT2026abc", "receipt": _RECEIPT, "others": []}, 202
    ),
    _answered(
        "in quarantine",
        {
            "code": "no_table",
            "detail": "no columns of numbers were found",
            "receipt": {"name": "AT2026abc.txt"},
            "id": 18,
            "state": "quarantined",
        },
        400,
    ),
]
DECISION = [
    _sent("confirm what was seen", {"verdict": "confirm", "prediction": 31}),
    _sent(
        "another class", {"verdict": "override", "class_name": "SN Ibn", "redshift": 0.031, "comment": "narrow He I"}
    ),
    _sent("a bad spectrum", {"verdict": "bad_spectrum", "spectrum": 17}),
    _answered("stale", {"code": "stale_prediction", "detail": "there is a newer prediction; look again"}, 409),
]
REREAD = [_sent("in nm", {"wavelength_unit": "nm"}), _sent("at rest", {"frame": "rest"})]
SYNC = [_sent("compare everything", {"full": True})]
OUTBOX = [_sent("try again", {"action": "replay"})]
_REPORT = {"observer": "A. Observer", "instrument": 149, "exposure_s": 1800}
TNS = [_sent("to the sandbox", {**_REPORT, "target": "sandbox", "confirmation": "2026abc"})]
WEBHOOK = [_sent("new decisions", {"url": "https://example.org/hook", "on_decision": True, "on_prediction": False})]
NOTIFICATIONS = [_sent("what is novel, by mail", {"email": "ann@example.org", "novelty": 0.97})]
TOKEN = [
    _sent(
        "to upload with, for a season",
        {"label": "telescope", "scopes": ["upload"], "expires_at": "2027-03-01T00:00:00Z"},
    )
]
LIGHT_CURVE = [
    _answered(
        "taken in",
        {
            "id": 3,
            "transient": "AT2026abc",
            "group": None,
            "uploaded_by": "ann",
            "filename": "AT2026abc.csv",
            "sha256": "9f2c41d0a7",
            "unit": "mag",
            "fetched_at": None,
            "created_at": "2026-11-23T04:05:06.789012Z",
            "points": [{"mjd": 61000.1, "filter": "r", "value": 18.1, "error": 0.1}],
            "limits": [{"mjd": 60999.1, "filter": "r", "value": 20.5}],
            "skipped": 0,
        },
        201,
    )
]
SAVED_VIEW = [_sent("likely TDEs", {"name": "TDEs", "filter": {"class_name": "TDE", "above": 60}})]
CONNECTION = [
    _sent(
        "a new one",
        {"name": "Fritz", "url": "https://fritz.science", "token": "secret", "group": "ePESSTO", "remote_groups": [41]},
    )
]
