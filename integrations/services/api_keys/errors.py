"""Refusals of operations on API keys."""

from http import HTTPStatus

from integrations.services.errors import Conflict, PortalError


class ApiKeyExists(PortalError):
    message = "An API key with this name exists or existed. Choose another name."
    field = "name"


class ApiKeyNotFound(PortalError):
    message = "No API key has this name. Check its spelling."


class IdempotencyKeyReused(PortalError):
    message = "The Idempotency-Key was already used for a different call."
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    hint = "Nothing was changed. Use a new key for each call; repeat a call with the same method, path and body."


class IdempotencyKeyInUse(PortalError):
    message = "The first call with this Idempotency-Key is still in progress."
    status = HTTPStatus.CONFLICT
    hint = "Repeat the call after Retry-After, with the same key."
    retry_after = 1


class FirstAnswerUnreadable(PortalError):
    message = "The first answer to this Idempotency-Key was encrypted with a key that the portal does not have."
    status = HTTPStatus.GONE
    hint = "The first call was completed, and this one changed nothing. Read the result with GET."


class ApiKeyRetired(Conflict):
    message = "The API key is retired. Create another one."
    hint = "A retired API key cannot be used again. Nothing was changed this time."


class ApiKeyExpired(Conflict):
    message = "The API key has expired. Create another one."
    hint = "An expired API key cannot be used again. Nothing was changed this time."
