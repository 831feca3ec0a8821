"""Leases on chores that only one process may do at a time."""

import uuid
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from integrations.models import Lease, clock


def acquire(name: str, holder: uuid.UUID, *, seconds: float) -> bool:
    """Acquire or renew the lease for `seconds`. Return False if another holder's lease has not expired.

    Writes nothing while more than two thirds of the holder's lease are left, because a chore may run every two seconds,
    and each write waits for the disk.
    """
    now = clock.shared_now()
    until = now + timedelta(seconds=seconds)
    lease = Lease.objects.filter(name=name).first()
    if lease is None:
        return _create(name, holder, until)
    if lease.until > now and lease.holder != holder:
        return False
    if lease.holder == holder and lease.until > now + timedelta(seconds=seconds * 2 / 3):
        return True
    free = Lease.objects.filter(Q(holder=holder) | Q(until__lte=now), name=name)
    return bool(free.update(holder=holder, until=until))


def _create(name: str, holder: uuid.UUID, until: datetime) -> bool:
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, holder=holder, until=until)
    except IntegrityError:  # another process acquired it first
        return False
    return True


def release(holder: uuid.UUID) -> None:
    """Release all leases of `holder`, so other processes need not wait for them to expire."""
    Lease.objects.filter(holder=holder).update(until=clock.shared_now())
