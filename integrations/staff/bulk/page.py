"""Acts on many outlets: a file or a selection is checked, shown row by row, confirmed, and its progress watched."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables

from integrations.models import BulkJob, Outlet
from integrations.models.bulk_job import JobState, Kind
from integrations.services.bulk import jobs as bulk_jobs
from integrations.services.bulk import worker as bulk
from integrations.services.bulk.plan import PlannedRow, Verdict
from integrations.services.errors import PortalError
from integrations.staff.base import forms, rights
from integrations.staff.base.acts import Act
from integrations.staff.bulk import forms as bulk_forms
from integrations.text.characters import printable

ROWS_PER_PAGE = 100
TITLES = {
    Kind.ENABLE: "Enable outlets from a file",
    Kind.DISABLE: "Disable many outlets",
    Kind.REENABLE: "Enable many outlets again",
    Kind.ROTATE: "Rotate many secrets",
}
BUTTONS = {
    Kind.ENABLE: "Enable these {} outlets",
    Kind.DISABLE: "Disable these {} outlets",
    Kind.REENABLE: "Enable these {} outlets again",
    Kind.ROTATE: "Rotate the secrets of these {} outlets",
}
SHOWN = {"act": Verdict.ACT, "skip": Verdict.SKIP, "wrong": Verdict.WRONG}


def job_url(job: BulkJob) -> str:
    return reverse("admin:integrations_bulkjob_change", args=(job.pk,))


def jobs_seen(request: HttpRequest) -> QuerySet[BulkJob]:
    """Return the jobs that this person may look at: all, or their own within what they see now."""
    return bulk_jobs.jobs_seen_by(request.user)


class UploadOutlets(Act):
    """A file is checked at once; nothing is done before the next page is confirmed."""

    form_class = bulk_forms.UploadForm
    max_body = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    title = TITLES[Kind.ENABLE]
    button = "Check the file"
    words = "staff/bulk/words/upload_outlets.html"

    def is_allowed(self) -> bool:
        return rights.may_enable(self.request)

    def find(self) -> None:  # type: ignore[override]
        """There is nothing yet."""

    def obstacle(self) -> PortalError | None:
        return None

    @method_decorator(sensitive_variables())
    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST, request.FILES)
        if not form.is_valid():
            return self.page(form)
        file = form.cleaned_data["file"]
        try:
            job = bulk_jobs.check_file(file.read(), name=printable(file.name, 200), actor=self.actor)
        except PortalError as refusal:
            form.add_error("file", str(refusal))
            return self.page(form)
        return HttpResponseRedirect(job_url(job))

    def next_url(self) -> str:
        if not rights.may_see(self.request, Outlet):
            return reverse("admin:index")
        return reverse("admin:integrations_outlet_changelist")

    def context(self) -> dict[str, Any]:
        return {"opts": BulkJob._meta}


class JobAct(Act):
    """An act on a job. Everybody with the right may look; only who made it may go on with it."""

    job: BulkJob
    words = ""

    def is_allowed(self) -> bool:
        return rights.may_act_on_many(self.request)

    def find(self, pk: uuid.UUID) -> None:  # type: ignore[override]
        found = jobs_seen(self.request).filter(pk=pk).first()
        if found is None:
            raise Http404("There is no such act on many outlets, or it is older than a month.")
        if not self.request.user.has_perm(bulk_jobs.right_of(found.kind)):
            raise PermissionDenied
        self.job = found
        if self.request.method == "POST" and not self.is_own():
            raise PermissionDenied

    def is_own(self) -> bool:
        return self.job.user_id == self.request.user.pk

    def obstacle(self) -> PortalError | None:
        return None

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return HttpResponseRedirect(job_url(self.job))

    def next_url(self) -> str:
        return job_url(self.job)

    def context(self) -> dict[str, Any]:
        return {"opts": BulkJob._meta, "job": self.job, "is_own": self.is_own()}


class JobPage(JobAct):
    """What would happen, then what happens, then what happened."""

    is_sensitive = True

    @property
    def title(self) -> str:  # type: ignore[override]
        return TITLES[Kind(self.job.kind)]

    @property
    def form_class(self) -> type[forms.ActForm]:  # type: ignore[override]
        return bulk_forms.CONFIRMING[self.job.kind]

    def needs_proof(self) -> bool:
        """Who looks at what was done, or at a colleague's, is not asked."""
        return self.request.method == "POST" or (self.is_own() and self.job.state == JobState.CHECKED)

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.page(self.make_form())

    def act(self, values: dict[str, Any]) -> HttpResponse:
        bulk_jobs.confirm(self.job, actor=self.actor, **values)
        transaction.on_commit(bulk.start)
        return HttpResponseRedirect(self.next_url())

    def page(self, form: forms.ActForm) -> HttpResponse:
        rows = bulk_jobs.plan_of(self.job)
        shown = SHOWN.get(self.request.GET.get("only", ""))
        listed = [row for row in rows if row.verdict is shown] if shown else _wrong_first(rows)
        return self.render(
            "staff/bulk/job.html",
            form=form,
            button=BUTTONS[Kind(self.job.kind)].format(f"{self.job.acting:,}"),
            rows=_paged(listed, self.request),
            only=shown.value if shown else "",
            warned=sum(bool(row.warning) for row in rows),
            skipped=self.job.total - self.job.acting - self.job.wrong,
            download_until=bulk_jobs.download_until(self.job),
            stage=stage_of(self.job),
            words=progress_words(self.job),
            is_checked=self.job.state == JobState.CHECKED and not bulk_jobs.is_over(self.job),
            is_running=self.job.state in (JobState.WAITING, JobState.RUNNING),
        )


class CheckAgain(JobAct):
    title = "Check again"
    button = "Check again"
    form_class = forms.ActForm

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        bulk_jobs.check_again(self.job, actor=self.actor)
        return self.done("Checked once more, just now.")


class DropJob(JobAct):
    title = "Drop"
    button = "Drop"
    form_class = forms.ActForm

    def act(self, _values: dict[str, Any]) -> HttpResponse:
        bulk_jobs.drop(self.job)
        return self.done("Dropped: nothing was done, and the file is erased.")


class DownloadSecrets(JobAct):
    """The one download. A browser that loses it on the way has lost it: then the secrets are rotated."""

    is_sensitive = True
    title = "Download the new secrets"
    button = "Download"
    form_class = forms.ActForm

    @method_decorator(sensitive_variables("text"))
    def act(self, _values: dict[str, Any]) -> HttpResponse:
        try:
            text = bulk_jobs.take_result(self.job, actor=self.actor)
        except (bulk_jobs.DownloadGone, bulk_jobs.KeyGone, bulk_jobs.OutOfSight) as refusal:
            messages.error(self.request, str(refusal))
            return HttpResponseRedirect(self.next_url())
        response = HttpResponse("\ufeff" + text, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="order-n-pay-{self.job.made_at:%Y-%m-%d-%H%M}.csv"'
        response["Cache-Control"] = "no-store"
        return response


class JobProgress(JobAct):
    """How far a job is, for the page that watches it."""

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        job = self.job
        return JsonResponse(
            {"stage": stage_of(job), "prepared": job.progress, "acting": job.acting, "words": progress_words(job)}
        )


def stage_of(job: BulkJob) -> str:
    """Return what a page that shows the job must be reloaded for when it changes."""
    return f"{job.state} {'with' if bulk_jobs.download_until(job) else 'without'} download"


def progress_words(job: BulkJob) -> str:
    if job.state == JobState.WAITING:
        return "Waiting for its turn."
    if not job.written:
        return f"Prepared {job.prepared:,} of {job.acting:,}. Nothing is written yet."
    return f"Done: {job.written:,} of {job.acting:,}."


def _wrong_first(rows: list[PlannedRow]) -> list[PlannedRow]:
    return sorted(rows, key=lambda row: (row.verdict is not Verdict.WRONG, not row.warning))


def _paged(rows: list[PlannedRow], request: HttpRequest) -> Page[PlannedRow]:
    return Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
