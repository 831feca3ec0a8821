"""E-mail to staff: stored as rows, sent by a chore, and retried while the mail server does not accept it."""

import asyncio
import logging
import smtplib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Model, Q
from django.urls import reverse
from django.utils.module_loading import import_string

from integrations.models import Alert, AlertRecipient, Mail
from integrations.models.clock import shared_now
from integrations.models.notices.alert import MailState
from integrations.security.redaction import redact
from integrations.services.rows.threads import recorders
from integrations.text.characters import printable

# The waits after failed tries. If the try after the last wait fails, the portal gives up on the e-mail.
SCHEDULE = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
)
BATCH = 20

logger = logging.getLogger(__name__)
# Use a separate thread, because a hanging mail server must not block the database threads.
_sender = ThreadPoolExecutor(1, thread_name_prefix="mail")


def is_on() -> bool:
    """Return whether the portal can send e-mail, that is, whether EMAIL_URL is set."""
    return bool(settings.EMAIL_URL)


def write(organisation_id: int | None, *, subject: str, body: str, alert: Alert | None = None) -> None:
    """Queue one e-mail for each recipient of an organisation's alerts. Does nothing if EMAIL_URL is not set.

    If `organisation_id` is None, the e-mails go only to recipients that get the alerts of all organisations.
    """
    if not is_on():
        return
    whose = Q(organisation=None) if organisation_id is None else Q(organisation=None) | Q(organisation=organisation_id)
    addresses = AlertRecipient.objects.filter(whose).values_list("email", flat=True)
    line = " ".join(subject.split())[:300]  # a header must be one line
    now = shared_now()
    Mail.objects.bulk_create(
        Mail(alert=alert, recipient=address, subject=line, body=body, next_at=now)
        for address in sorted({each.lower() for each in addresses})
    )


def link(model_name: str, row: Model) -> str:
    """Return the address of a row's page."""
    return str(settings.PUBLIC_URL) + reverse(f"admin:integrations_{model_name}_change", args=(row.pk,))


async def send_due() -> None:
    """Send one batch of due e-mails over one connection to the mail server."""
    mails = await recorders.run(_due) if is_on() else []
    if not mails:
        return
    errors = await asyncio.get_running_loop().run_in_executor(_sender, _send_mails, mails)
    await recorders.run(_settle, mails, errors)


def _due() -> list[Mail]:
    return list(Mail.objects.filter(state=MailState.PENDING, next_at__lte=shared_now()).order_by("next_at")[:BATCH])


def _send_mails(mails: Iterable[Mail]) -> list[str]:
    """Send the e-mails. Return for each one why the mail server did not accept it, or an empty string."""
    connection = _connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        return [_said(error) for _ in mails]
    try:
        return [_send_one(mail, connection) for mail in mails]
    finally:
        _close(connection)


def _connection() -> BaseEmailBackend:
    """Return the connection that Django 6.1 would create from settings.MAILERS; Django 5.2 ignores this setting."""
    mailer = settings.MAILERS["default"]
    connection: BaseEmailBackend = import_string(mailer["BACKEND"])(alias="default", **mailer.get("OPTIONS", {}))
    return connection


def _send_one(mail: Mail, connection: BaseEmailBackend) -> str:
    message = EmailMessage(
        mail.subject,
        mail.body,
        to=[mail.recipient],
        headers={"Auto-Submitted": "auto-generated", "Message-ID": f"<mail-{mail.pk}@{_host()}>"},
    )
    try:
        connection.send_messages([message])
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return _said(error)
    return ""


def _settle(mails: Iterable[Mail], errors: Iterable[str]) -> None:
    now = shared_now()
    for mail, error in zip(mails, errors, strict=True):
        mail.tries += 1
        mail.error = error
        if not error:
            mail.state, mail.ended_at = MailState.SENT, now
        elif mail.tries > len(SCHEDULE):
            mail.state, mail.ended_at = MailState.FAILED, now
        else:
            mail.next_at = now + SCHEDULE[mail.tries - 1]
        mail.save(update_fields=["tries", "error", "state", "ended_at", "next_at"])
    if failed := [error for error in errors if error]:
        details = {"count": len(failed), "error": failed[0]}
        logger.warning("The mail server did not accept e-mails.", extra=details)


def _close(connection: BaseEmailBackend) -> None:
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        return


def _said(error: Exception) -> str:
    return printable(redact(f"{type(error).__name__}: {error}"), 300)


def _host() -> str:
    return str(settings.PUBLIC_URL).partition("//")[2].partition(":")[0]
