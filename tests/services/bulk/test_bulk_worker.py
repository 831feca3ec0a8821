"""Acts on many outlets are done beside the server: begun at once, and found again by whoever is left."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from integrations.models import BulkJob, HandoverLink, Integration
from integrations.models.bulk_job import JobState
from integrations.models.handover_link import LinkState
from integrations.services.audit import Actor
from integrations.services.bulk import jobs as bulk_jobs
from integrations.services.bulk import worker as bulk
from integrations.services.handover import links as handover_links
from tests.support.factories import ANNA, make_enabled_outlet
from tests.support.in_process import InProcess, in_main, until

FILE = b"Organisation,Outlet,POSRemoteID\nOsteria,Garden,R-1\n"


def _confirm() -> BulkJob:
    boss = Actor("boss", User.objects.create_superuser("boss"))
    job = bulk_jobs.check_file(FILE, name="chain.csv", actor=boss)
    bulk_jobs.confirm(job, actor=boss)
    return job


def _let_expire() -> None:
    enabled = make_enabled_outlet()
    handover_links.make_link(enabled.integration.current_credential(), enabled.handover, hours=1, actor=ANNA)
    HandoverLink.objects.update(expires_at=timezone.now())
    BulkJob.objects.update(state=JobState.CHECKED, made_at=timezone.now() - timedelta(days=1))


class Beside(InProcess):
    async def test_what_waits_is_found_and_done(self) -> None:
        job = await in_main(_confirm)
        await bulk.look()
        await until(lambda: not bulk._is_at_work)
        assert (await BulkJob.objects.aget(pk=job.pk)).state == JobState.DONE
        assert await Integration.objects.acount() == 1

    async def test_nothing_is_begun_where_nothing_waits(self) -> None:
        await bulk.look()
        assert not bulk._is_at_work

    async def test_what_waited_too_long_is_erased(self) -> None:
        job = await in_main(_confirm)
        await in_main(_let_expire)
        await bulk.tidy()
        assert (await HandoverLink.objects.aget()).state == LinkState.EXPIRED
        assert (await BulkJob.objects.aget(pk=job.pk)).sealed_input == ""
