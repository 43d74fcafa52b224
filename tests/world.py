"""A desk with private records of every kind, each of which contains one secret word."""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone

from tests.factories import spectrum_file
from triage.intake import facts, photometry
from triage.intake.submit import Given, submit_spectrum
from triage.models import (
    AnalysisJob,
    ApiToken,
    Checkpoint,
    Comment,
    Decision,
    GroupInvitation,
    GroupSettings,
    Mention,
    Notification,
    NotificationKind,
    NotificationPreference,
    Photometry,
    PostKind,
    PostState,
    Prediction,
    SavedView,
    Scope,
    SkyPortalInstance,
    SkyPortalPost,
    SkyPortalRun,
    Spectrum,
    SpectrumState,
    TnsReport,
    TnsState,
    Transient,
    Upload,
    UploadEntry,
    Webhook,
    WebhookDelivery,
)
from triage.queue import entries
from triage.review import comments, decisions
from triage.review.proposal import Proposal

# This word is in every private name, text and file. Nobody outside the group may read it.
MARK = "clandestine"
PUBLIC = "SN 2026pub"
LIGHT_CURVE = f"mjd,filter,mag,error\n61000,{MARK},18.1,0.1\n".encode()


@dataclasses.dataclass(frozen=True)
class World:
    """The records on the desk.

    users: kind of visitor → user, or None for an anonymous visitor.
    ids: URL parameter → its value for the private record.
    mixed: id of a private spectrum of a transient that also has a public one.
    prediction: id of the prediction of the private spectrum.
    """

    users: dict[str, User | None]
    ids: dict[str, object]
    mixed: int
    prediction: int

    def state(self) -> list[object]:
        """Return the values that no stranger may change."""
        return [
            list(
                Spectrum.objects.filter(group__name=MARK)
                .order_by("id")
                .values_list("id", "state", "reading", "comment", "transient__host")
            ),
            list(Decision.objects.order_by("id").values_list("id", "verdict")),
            list(Comment.objects.order_by("id").values_list("id", "withdrawn_at")),
            list(UploadEntry.objects.filter(upload__user__username=f"{MARK}-owner").values_list("id", "spectrum")),
            list(Mention.objects.order_by("id").values_list("id", "read_at")),
            list(TnsReport.objects.values_list("id", "state")),
            list(SkyPortalInstance.objects.filter(group__name=MARK).values_list("id", "name", "url", "next_run_at")),
            list(SkyPortalPost.objects.values_list("id", "state")),
            list(SkyPortalRun.objects.values_list("id", "state")),
            list(Webhook.objects.filter(user__username=f"{MARK}-owner").values_list("id", "url")),
            list(WebhookDelivery.objects.values_list("id", "state")),
            list(Photometry.objects.order_by("id").values_list("id", "group")),
            list(NotificationPreference.objects.filter(user__username=f"{MARK}-owner").values_list("id", "email")),
            list(Notification.objects.filter(user__username=f"{MARK}-owner").values_list("id", "state")),
            list(SavedView.objects.filter(user__username=f"{MARK}-owner").values_list("id", "query")),
            list(AnalysisJob.objects.values_list("id", "state")),
            list(Group.objects.filter(name=MARK).values_list("user", "desk_settings__managers").order_by("user")),
            list(GroupInvitation.objects.filter(group__name=MARK).values_list("id", "ended_at")),
            list(User.objects.order_by("id").values_list("id", "email", "password")),
            list(ApiToken.objects.filter(user__username=f"{MARK}-owner").values_list("id", "revoked_at")),
        ]


def private_file() -> bytes:
    """Return the file of the private transient's spectrum."""
    return spectrum_file(seed=11, NOTE=MARK)


def build(make_user: Callable[..., User]) -> World:
    owner = make_user(f"{MARK}-owner", MARK)
    group = owner.groups.get()
    spectrum = _classified(owner, private_file(), f"{MARK}-1", group)
    mixed = _classified(owner, spectrum_file(seed=12), PUBLIC, group)
    _classified(owner, spectrum_file(seed=13), PUBLIC, None)
    submit_spectrum(owner, spectrum_file(seed=14), f"{MARK}-queued.txt", Given(transient=f"{MARK}-2", group=group))
    Spectrum.objects.filter(pk=mixed.pk).update(instrument=f"{MARK} spectrograph")
    _failed(owner, group)
    batch = uuid.uuid4()
    proposal = Proposal("confirm", prediction=spectrum.current_prediction_id, comment=f"{MARK} comment", batch=batch)
    decision = decisions.record_decision(owner, _transient(spectrum), proposal)
    inner = Proposal("confirm", prediction=mixed.current_prediction_id, comment=f"{MARK} comment")
    decisions.record_decision(owner, _transient(mixed), inner)
    staff = make_user("staff", "everybody else")
    staff.is_staff = True
    staff.save()
    users = {"anonymous": None, "stranger": make_user("stranger", "everybody else"), "member": owner, "staff": staff}
    facts.correct_spectrum(owner, spectrum, {"comment": f"{MARK} comment"})
    facts.correct_transient(owner, _transient(spectrum), {"host": f"{MARK} galaxy"})
    act = spectrum.acts.get()
    comment = _discussed(owner, make_user(f"{MARK}-colleague", MARK), _transient(spectrum))
    comments.add(owner, _transient(mixed), f"{MARK} remark", MARK)
    curve = photometry.add(owner, _transient(spectrum), LIGHT_CURVE, f"{MARK}.csv", group)[0]
    photometry.add(owner, _transient(mixed), LIGHT_CURVE, f"{MARK}.csv", group)
    upload = Upload.objects.create(user=owner)
    UploadEntry.objects.create(upload=upload, filename=f"{MARK}.txt", spectrum=spectrum)
    ids: dict[str, object] = {
        "upload_id": upload.pk,
        "photometry_id": curve.pk,
        "name": f"{MARK}-1",
        "spectrum_id": spectrum.pk,
        "decision_id": decision.pk,
        "act_id": act.pk,
        "comment_id": comment,
        "correction_id": _transient(spectrum).acts.get().pk,
        "batch": batch,
        **_outside(owner, group, spectrum, decision),
    }
    return World(users, ids, mixed.pk, spectrum.current_prediction_id or 0)


def _discussed(owner: User, colleague: User, transient: Transient) -> int:
    """Let two members of the group discuss a transient; return the id of the owner's comment."""
    comments.add(colleague, transient, f"{MARK} question for @{owner.username}")
    return comments.add(owner, transient, f"{MARK} answer").pk


def _transient(spectrum: Spectrum) -> Transient:
    assert spectrum.transient is not None
    return spectrum.transient


def _classified(user: User, content: bytes, name: str, group: Group | None) -> Spectrum:
    """Submit a spectrum and give it a fixed prediction; the network itself is not tested here."""
    filename = f"{MARK}.txt" if group else "public.txt"
    spectrum = submit_spectrum(user, content, filename, Given(transient=name, group=group)).spectrum
    checkpoint, _ = Checkpoint.objects.get_or_create(hash="c" * 64, name="c", taxonomy_version="1", current=True)
    spectrum.current_prediction = Prediction.objects.create(
        spectrum=spectrum,
        reading=spectrum.reading,
        checkpoint=checkpoint,
        class_name="SN Ia",
        probabilities={"SN Ia": 0.9, "SN II": 0.1},
        conformal_set=["SN Ia"],
        novelty=0.1,
        uncertainty=0.1 if group else 0.2,
        redshift=0.03,
        redshift_error=0.001,
    )
    spectrum.state = SpectrumState.CLASSIFIED
    spectrum.save()
    entries.refresh(spectrum.transient_id)
    return spectrum


def _failed(user: User, group: Group) -> None:
    """Store a spectrum in quarantine, and one that the network refused."""
    content = spectrum_file(seed=15)
    failed = submit_spectrum(user, content, f"{MARK}-failed.txt", Given(transient=f"{MARK}-3", group=group)).spectrum
    Spectrum.objects.filter(pk=failed.pk).update(state="failed", failure_code="x", failure_reason=f"{MARK} reason")
    unreadable = Spectrum.objects.get(pk=failed.pk)
    unreadable.pk, unreadable.transient, unreadable.state = None, None, SpectrumState.QUARANTINED
    unreadable.sha256 = hashlib.sha256(b"unreadable").hexdigest()
    unreadable.save(force_insert=True)


def _outside(owner: User, group: Group, spectrum: Spectrum, decision: Decision) -> dict[str, object]:
    """Store records of other services; return their ids by URL parameter."""
    owner.user_permissions.add(Permission.objects.get(codename="add_tnsreport"))
    instance = SkyPortalInstance(name=f"{MARK} portal", url=f"https://{MARK}.example", group=group)
    instance.token = "a token"
    instance.save()
    run = SkyPortalRun.objects.create(
        instance=instance, state="failed", message=f"{MARK} message", finished_at=timezone.now()
    )
    post = SkyPortalPost.objects.create(
        instance=instance,
        kind=PostKind.DECISION,
        decision=decision,
        remote_name=f"{MARK}-remote",
        state=PostState.ASKING,
    )
    report = TnsReport.objects.create(
        target="sandbox",
        transient=spectrum.transient,
        decision=decision,
        group=group,
        tns_name=f"2026{MARK}",
        payload={"name": MARK},
        ascii_name=f"{MARK}.txt",
        ascii_file=MARK,
        state=TnsState.SENDING,
        sent_by=owner,
    )
    webhook = Webhook(user=owner, url=f"https://{MARK}.example/hook")
    webhook.secret = "a secret"
    webhook.save()
    WebhookDelivery.objects.create(webhook=webhook, decision=decision, state="given_up", last_error=f"{MARK} error")
    token, _ = ApiToken.issue(owner, f"{MARK} token", tuple(Scope))
    view = SavedView.objects.create(user=owner, name=f"{MARK} view", query="?class=TDE")
    NotificationPreference.objects.create(user=owner, email=f"owner@{MARK}.example")
    Notification.objects.create(
        user=owner,
        kind=NotificationKind.NOVELTY,
        key=f"spectrum-{spectrum.pk}",
        channel="email",
        transient=spectrum.transient,
        text=f"{MARK} text",
        path="/",
    )
    GroupSettings.objects.create(group=group).managers.add(owner)
    week = timezone.now() + timedelta(days=7)
    invitation = GroupInvitation.objects.create(group=group, made_by=owner, email=f"a@{MARK}.example", expires_at=week)
    AnalysisJob.objects.create(
        instance=instance, user=owner, remote_name=MARK, invalid_after=timezone.now(), spectra=MARK, callback_hash="1"
    )
    return {
        "instance_id": instance.pk,
        "run_id": run.pk,
        "post_id": post.pk,
        "report_id": report.pk,
        "webhook_id": webhook.pk,
        "token_id": token.pk,
        "view_id": view.pk,
        "group_id": group.pk,
        "user_id": owner.pk,
        "invitation_id": invitation.pk,
        "action": "approve",
    }
