from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from integrations.models import BulkJob
from integrations.models.bulk_job import JobState
from integrations.models.clock import shared_now
from integrations.staff.base import rights
from integrations.staff.base.admin import FOR_ALL, ReadOnlyAdmin
from integrations.staff.base.presentation import ago, marked
from integrations.staff.bulk import page as bulk

KINDS = {
    JobState.DONE: "online",
    JobState.PARTLY: "refused",
    JobState.FAILED: "refused",
    JobState.WAITING: "never-seen",
    JobState.RUNNING: "never-seen",
}


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyAdmin[BulkJob]):
    """What was done, or is being done, to many outlets at once."""

    menu_position = 40
    when_empty = (
        "Here stands each act on many outlets: a file of outlets to enable, or many disabled or rotated from a list."
    )
    organisation_path = FOR_ALL  # bulk.jobs_seen says who sees which
    list_display = ("made", "what", "standing", "acting", "made_by")
    list_filter = ("kind", "state")
    search_fields = ("source", "made_by")
    search_help_text = "Name of the file, person"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkJob]:
        return bulk.jobs_seen(request).defer("plan", "sealed_input", "sealed_result")

    def has_view_permission(self, request: HttpRequest, obj: BulkJob | None = None) -> bool:  # noqa: ARG002
        return rights.may_act_on_many(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return rights.may_act_on_many(request) or super().has_module_permission(request)

    @admin.display(ordering="made_at")
    def made(self, job: BulkJob) -> SafeString | str:
        return ago(job.made_at, shared_now())

    @admin.display
    def what(self, job: BulkJob) -> str:
        return str(job)

    @admin.display(description="state", ordering="state")
    def standing(self, job: BulkJob) -> SafeString:
        return marked(job.get_state_display(), KINDS.get(JobState(job.state), "ended"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        ours: list[tuple[str, Any, str]] = [
            ("upload/", bulk.UploadOutlets, "upload"),
            ("<uuid:pk>/change/", bulk.JobPage, "change"),
            ("<uuid:pk>/check-again/", bulk.CheckAgain, "check_again"),
            ("<uuid:pk>/drop/", bulk.DropJob, "drop"),
            ("<uuid:pk>/download/", bulk.DownloadSecrets, "download"),
            ("<uuid:pk>/progress/", bulk.JobProgress, "progress"),
        ]
        paths = [path(route, view(act.as_view()), name=f"integrations_bulkjob_{name}") for route, act, name in ours]
        return [*paths, *super().get_urls()]
