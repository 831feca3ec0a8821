"""Sends the requests of a test to the entry point for POSes, and returns the answers."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from integrations.models import AuthAttempt
from integrations.pos.access import admission, exchange
from integrations.pos.access.visitors import Visitor
from integrations.services.connections.authentication import Claim
from integrations.services.connections.errors import Refused
from tests.support.factories import make_enabled_outlet
from tests.support.in_process import InProcess

POS = Visitor("198.51.100.7", "PowerEPOS/8.1")
THIEF = Visitor("203.0.113.66", "curl/8")


async def refusal(claim: Claim, visitor: Visitor = POS) -> Refused:
    """Return the refusal that the entry point raises for a claim."""
    with pytest.raises(Refused) as refused:
        await exchange.issue_token(claim, visitor)
    return refused.value


async def refused_admission(token: str | None) -> Refused:
    with pytest.raises(Refused) as refused:
        await admission.admit(token, POS)
    return refused.value


def outcomes() -> list[str]:
    return list(AuthAttempt.objects.order_by("pk").values_list("outcome", flat=True))


class AtTheEntryPoint(InProcess):
    def setUp(self) -> None:
        self.harbour = make_enabled_outlet()


def in_two_hours() -> datetime:
    return timezone.now() + timedelta(hours=2)
