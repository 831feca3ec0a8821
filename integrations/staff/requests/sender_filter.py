"""Filters requests by the member of staff who sent them. Only the audit event of such a request names the person."""

from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.http import HttpRequest

from integrations.models import AuditEvent
from integrations.models.audit import Verb
from integrations.staff.base.filters import NameFilter

SENT_BY_STAFF = (Verb.POS_ASKED, Verb.OUTLET_CHECKED)
APART = timedelta(hours=1)  # a request and its audit event are stored within this time of each other


class SenderFilter(NameFilter):
    """Selects the requests that have no API key and whose audit event names the person.

    This filter does not provide a Source: `equal` is enough, because an index finds the requests without an API key.
    """

    title = "sent by"

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.text:
            return queryset
        actor = {"actor_name": self.whole_name} if self.whole_name else {"actor_name__icontains": self.text}
        events = AuditEvent.objects.filter(integration=OuterRef("integration"), verb__in=SENT_BY_STAFF, **actor)
        received = OuterRef("received_at")
        events = events.filter(at__gte=received - APART, at__lte=received + APART)
        own = events.annotate(asked=KT("detail__request_id")).filter(asked=OuterRef("request_id"))
        # This is a subquery because, with EXISTS, PostgreSQL might read the events of all outlets.
        event = Subquery(own.order_by().values("pk")[:1])
        sent: QuerySet[Any] = queryset.alias(event=event).filter(event__isnull=False, api_key=None)
        return sent

    def equal(self) -> dict[str, Any]:
        return {"api_key": None} if self.text else {}
