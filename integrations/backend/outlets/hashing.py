"""Hashes the secret for a new integration before the transaction that stores it."""

from concurrent.futures import Future
from typing import Any

from django.views.decorators.debug import sensitive_variables

from integrations.backend.base.views import CHANGE_SECONDS
from integrations.services.errors import PortalError
from integrations.services.integration import pos_secrets
from integrations.services.integration.pos_secrets import NewSecret
from integrations.services.rows.threads import within, writers


@sensitive_variables()
async def take_secret(values: dict[str, Any]) -> Future[NewSecret]:
    """Take `adopted_secret` from the body; return a Future with its hash or, if it is missing, with a generated secret.

    Call this before the transaction, because hashing takes 100 ms, and a transaction blocks other writers. If the
    secret is invalid or already in use, reading the Future's result raises the error. Read the result only in the
    function that `BackendView.change` runs. If a client repeats a call with its Idempotency-Key, that function does not
    run, so the client gets the first call's answer instead of the error that the secret is already in use.
    """
    return await within(CHANGE_SECONDS, writers.run(_hashed, values.pop("adopted_secret", None)))


@sensitive_variables()
def _hashed(adopted_secret: str | None) -> Future[NewSecret]:
    secret: Future[NewSecret] = Future()
    try:
        secret.set_result(pos_secrets.new_secret(adopted_secret))
    except PortalError as refusal:
        secret.set_exception(refusal)
    return secret
