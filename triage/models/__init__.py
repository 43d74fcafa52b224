"""Records, one concept a file."""

from triage.models.checkpoint import Checkpoint
from triage.models.decision import Classification, Decision, Verdict
from triage.models.prediction import Prediction
from triage.models.spectrum import Original, Spectrum, SpectrumArrays, SpectrumState
from triage.models.token import ApiToken
from triage.models.transient import Transient

__all__ = [
    "ApiToken",
    "Checkpoint",
    "Classification",
    "Decision",
    "Original",
    "Prediction",
    "Spectrum",
    "SpectrumArrays",
    "SpectrumState",
    "Transient",
    "Verdict",
]
