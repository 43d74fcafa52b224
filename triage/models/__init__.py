"""Records, one concept a file."""

from triage.models.batch import InferenceBatch
from triage.models.checkpoint import Checkpoint
from triage.models.decision import Classification, Decision, Verdict
from triage.models.login import LoginFailure
from triage.models.outbox import PostKind, PostState, SkyPortalPost
from triage.models.prediction import Prediction
from triage.models.skyportal import (
    Policy,
    RemoteClassification,
    RemoteSpectrum,
    RemoteState,
    RunState,
    SkyPortalImport,
    SkyPortalInstance,
    SkyPortalRun,
)
from triage.models.spectrum import Original, Spectrum, SpectrumArrays, SpectrumState
from triage.models.tns import TnsReport, TnsState, TnsTarget
from triage.models.token import ApiToken
from triage.models.transient import Transient
from triage.models.webhook import DeliveryState, Webhook, WebhookDelivery

__all__ = [
    "ApiToken",
    "Checkpoint",
    "Classification",
    "Decision",
    "DeliveryState",
    "InferenceBatch",
    "LoginFailure",
    "Original",
    "Policy",
    "PostKind",
    "PostState",
    "Prediction",
    "RemoteClassification",
    "RemoteSpectrum",
    "RemoteState",
    "RunState",
    "SkyPortalImport",
    "SkyPortalInstance",
    "SkyPortalPost",
    "SkyPortalRun",
    "Spectrum",
    "SpectrumArrays",
    "SpectrumState",
    "TnsReport",
    "TnsState",
    "TnsTarget",
    "Transient",
    "Verdict",
    "Webhook",
    "WebhookDelivery",
]
