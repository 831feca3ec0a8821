"""Store and delete the recipients of alert e-mails."""

from django.db import IntegrityError, transaction

from integrations.models import AlertRecipient
from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.notices.errors import RecipientExists
from integrations.services.outlets.outlets import check_form


@transaction.atomic
def save_recipient(recipient: AlertRecipient, *, actor: Actor) -> None:
    """Store a new or changed recipient. Raises InvalidValue or RecipientExists."""
    check_form(recipient)
    is_new = recipient.pk is None
    try:
        with transaction.atomic():
            recipient.save()
    except IntegrityError as error:
        raise RecipientExists from error
    record(Verb.RECIPIENT_ADDED if is_new else Verb.RECIPIENT_CHANGED, recipient, actor=actor)


@transaction.atomic
def remove_recipient(recipient: AlertRecipient, *, actor: Actor) -> None:
    """Delete a recipient, so this address gets no more alerts."""
    record(Verb.RECIPIENT_REMOVED, recipient, actor=actor)
    recipient.delete()
