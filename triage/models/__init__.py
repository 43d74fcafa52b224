"""Records of the desk, one concept a file."""

from triage.models.account_mail import AccountMail, AccountMailKind, AccountMailState
from triage.models.analysis import AnalysisJob, AnalysisState
from triage.models.arrays import SpectrumArrays
from triage.models.automatic_classification import AutomaticClassification
from triage.models.automatic_policy import AutomaticPolicy
from triage.models.automatic_run import AutomaticRun
from triage.models.batch import InferenceBatch
from triage.models.blind_sample import BlindSample
from triage.models.brightness import Brightness, BrightnessDue, NoBrightness
from triage.models.change import ClassificationChange
from triage.models.checkpoint import Checkpoint, CheckpointFile, Promotion
from triage.models.claim import Claim
from triage.models.claimed_membership import ClaimedMembership
from triage.models.classification import Classification, OutcomeState
from triage.models.comment import Comment, Mention, SeenRound
from triage.models.decision import Decision, Verdict
from triage.models.group_settings import GroupSettings
from triage.models.invitation import GroupInvitation
from triage.models.login import LoginFailure
from triage.models.named_matches import NamedMatches
from triage.models.notification import (
    Channel,
    Notification,
    NotificationKind,
    NotificationPreference,
    NotificationState,
)
from triage.models.other_name import OtherName
from triage.models.outbox import PostKind, PostState, SkyPortalPost
from triage.models.photometry import Photometry
from triage.models.policy import ReviewPolicy
from triage.models.prediction import Prediction, PredictionEvidence
from triage.models.queue_entry import QueueEntry
from triage.models.skyportal import Policy, RunState, SkyPortalInstance, SkyPortalRun
from triage.models.skyportal_remote import (
    RemoteClassification,
    RemoteSource,
    RemoteSpectrum,
    RemoteState,
    SkyPortalImport,
)
from triage.models.spectrum import Original, Spectrum, SpectrumState
from triage.models.spectrum_act import ActKind, SpectrumAct
from triage.models.tns import TnsReport, TnsState, TnsTables, TnsTarget
from triage.models.tns_record import TnsRecord
from triage.models.token import ApiToken, Scope
from triage.models.transient import Transient
from triage.models.transient_act import TransientAct
from triage.models.upload import Upload, UploadEntry
from triage.models.view import SavedView
from triage.models.webhook import DeliveryState, Webhook, WebhookDelivery

__all__ = [
    "AccountMail",
    "AccountMailKind",
    "AccountMailState",
    "ActKind",
    "AnalysisJob",
    "AnalysisState",
    "ApiToken",
    "AutomaticClassification",
    "AutomaticPolicy",
    "AutomaticRun",
    "BlindSample",
    "Brightness",
    "BrightnessDue",
    "Channel",
    "Checkpoint",
    "CheckpointFile",
    "Claim",
    "ClaimedMembership",
    "Classification",
    "ClassificationChange",
    "Comment",
    "Decision",
    "DeliveryState",
    "GroupInvitation",
    "GroupSettings",
    "InferenceBatch",
    "LoginFailure",
    "Mention",
    "NamedMatches",
    "NoBrightness",
    "Notification",
    "NotificationKind",
    "NotificationPreference",
    "NotificationState",
    "Original",
    "OtherName",
    "OutcomeState",
    "Photometry",
    "Policy",
    "PostKind",
    "PostState",
    "Prediction",
    "PredictionEvidence",
    "Promotion",
    "QueueEntry",
    "RemoteClassification",
    "RemoteSource",
    "RemoteSpectrum",
    "RemoteState",
    "ReviewPolicy",
    "RunState",
    "SavedView",
    "Scope",
    "SeenRound",
    "SkyPortalImport",
    "SkyPortalInstance",
    "SkyPortalPost",
    "SkyPortalRun",
    "Spectrum",
    "SpectrumAct",
    "SpectrumArrays",
    "SpectrumState",
    "TnsRecord",
    "TnsReport",
    "TnsState",
    "TnsTables",
    "TnsTarget",
    "Transient",
    "TransientAct",
    "Upload",
    "UploadEntry",
    "Verdict",
    "Webhook",
    "WebhookDelivery",
]
