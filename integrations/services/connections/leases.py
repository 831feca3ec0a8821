"""Leases on chores that only one process may do at a time."""

import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from integrations.models import Lease, clock


def acquire(name: str, holder: uuid.UUID, *, seconds: float) -> bool:
    """Acquire or renew the lease for `seconds`. Return False if another holder's lease has not expired."""
    now = clock.shared_now()
    until = now + timedelta(seconds=seconds)
    free = Lease.objects.filter(Q(holder=holder) | Q(until__lte=now), name=name)
    if free.update(holder=holder, until=until):
        return True
    if Lease.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, holder=holder, until=until)
    except IntegrityError:  # another process acquired it first
        return False
    return True


def release(holder: uuid.UUID) -> None:
    """Release all leases of `holder`, so other processes need not wait for them to expire."""
    Lease.objects.filter(holder=holder).update(until=clock.shared_now())
