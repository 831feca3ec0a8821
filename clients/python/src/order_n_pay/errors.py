# Written by script/clients from the API's OpenAPI document. Do not edit it.

from order_n_pay._errors import ApiError as ApiError
from order_n_pay._errors import OrderNPayError as OrderNPayError
from order_n_pay._errors import OutcomeUnknown as OutcomeUnknown
from order_n_pay._errors import UnexpectedAnswer as UnexpectedAnswer


class AlreadyDisabled(ApiError):
    """The problem `already-disabled`."""

    name = "already-disabled"


class AlreadyEnabled(ApiError):
    """The problem `already-enabled`."""

    name = "already-enabled"


class ContentUnreadable(ApiError):
    """The problem `content-unreadable`."""

    name = "content-unreadable"


class DatabaseAway(ApiError):
    """The problem `database-away`."""

    name = "database-away"


class FirstAnswerUnreadable(ApiError):
    """The problem `first-answer-unreadable`."""

    name = "first-answer-unreadable"


class HeadersTooLarge(ApiError):
    """The problem `headers-too-large`."""

    name = "headers-too-large"


class IdempotencyKeyInUse(ApiError):
    """The problem `idempotency-key-in-use`."""

    name = "idempotency-key-in-use"


class IdempotencyKeyReused(ApiError):
    """The problem `idempotency-key-reused`."""

    name = "idempotency-key-reused"


class IntegrationDisabled(ApiError):
    """The problem `integration-disabled`."""

    name = "integration-disabled"


class Internal(ApiError):
    """The problem `internal`."""

    name = "internal"


class InvalidApiKey(ApiError):
    """The problem `invalid-api-key`."""

    name = "invalid-api-key"


class InvalidInput(ApiError):
    """The problem `invalid-input`."""

    name = "invalid-input"


class LimitedKey(ApiError):
    """The problem `limited-key`."""

    name = "limited-key"


class LinkEnded(ApiError):
    """The problem `link-ended`."""

    name = "link-ended"


class LinkLost(ApiError):
    """The problem `link-lost`."""

    name = "link-lost"


class MalformedRequest(ApiError):
    """The problem `malformed-request`."""

    name = "malformed-request"


class MissingScope(ApiError):
    """The problem `missing-scope`."""

    name = "missing-scope"


class MistypedSecret(ApiError):
    """The problem `mistyped-secret`."""

    name = "mistyped-secret"


class NetworkNotAllowed(ApiError):
    """The problem `network-not-allowed`."""

    name = "network-not-allowed"


class NewSecretInUse(ApiError):
    """The problem `new-secret-in-use`."""

    name = "new-secret-in-use"


class NoAnswerYet(ApiError):
    """The problem `no-answer-yet`."""

    name = "no-answer-yet"


class NoOverlap(ApiError):
    """The problem `no-overlap`."""

    name = "no-overlap"


class NotCancellable(ApiError):
    """The problem `not-cancellable`."""

    name = "not-cancellable"


class NotDisabled(ApiError):
    """The problem `not-disabled`."""

    name = "not-disabled"


class NotEnabled(ApiError):
    """The problem `not-enabled`."""

    name = "not-enabled"


class NotFound(ApiError):
    """The problem `not-found`."""

    name = "not-found"


class NotReady(ApiError):
    """The problem `not-ready`."""

    name = "not-ready"


class NothingToDisconnect(ApiError):
    """The problem `nothing-to-disconnect`."""

    name = "nothing-to-disconnect"


class OrganisationExists(ApiError):
    """The problem `organisation-exists`."""

    name = "organisation-exists"


class OutletExists(ApiError):
    """The problem `outlet-exists`."""

    name = "outlet-exists"


class OverlapRunning(ApiError):
    """The problem `overlap-running`."""

    name = "overlap-running"


class PosOffline(ApiError):
    """The problem `pos-offline`."""

    name = "pos-offline"


class PosRemoteIdTaken(ApiError):
    """The problem `pos-remote-id-taken`."""

    name = "pos-remote-id-taken"


class ProviderOutletIdInUse(ApiError):
    """The problem `provider-outlet-id-in-use`."""

    name = "provider-outlet-id-in-use"


class ProviderOutletIdTaken(ApiError):
    """The problem `provider-outlet-id-taken`."""

    name = "provider-outlet-id-taken"


class QueueFull(ApiError):
    """The problem `queue-full`."""

    name = "queue-full"


class RateLimited(ApiError):
    """The problem `rate-limited`."""

    name = "rate-limited"


class RequestCancelled(ApiError):
    """The problem `request-cancelled`."""

    name = "request-cancelled"


class RequestExpired(ApiError):
    """The problem `request-expired`."""

    name = "request-expired"


class RequestFailed(ApiError):
    """The problem `request-failed`."""

    name = "request-failed"


class RequestIdReused(ApiError):
    """The problem `request-id-reused`."""

    name = "request-id-reused"


class RequestTimeout(ApiError):
    """The problem `request-timeout`."""

    name = "request-timeout"


class Restarting(ApiError):
    """The problem `restarting`."""

    name = "restarting"


class SecretTaken(ApiError):
    """The problem `secret-taken`."""

    name = "secret-taken"


class StillInUse(ApiError):
    """The problem `still-in-use`."""

    name = "still-in-use"


class TargetTooLong(ApiError):
    """The problem `target-too-long`."""

    name = "target-too-long"


class TooLarge(ApiError):
    """The problem `too-large`."""

    name = "too-large"


class TooManyBodies(ApiError):
    """The problem `too-many-bodies`."""

    name = "too-many-bodies"


class TooManyRequests(ApiError):
    """The problem `too-many-requests`."""

    name = "too-many-requests"


class UnknownDelivery(ApiError):
    """The problem `unknown-delivery`."""

    name = "unknown-delivery"


class UnknownHandoverLink(ApiError):
    """The problem `unknown-handover-link`."""

    name = "unknown-handover-link"


class UnknownHttpVersion(ApiError):
    """The problem `unknown-http-version`."""

    name = "unknown-http-version"


class UnknownOrganisation(ApiError):
    """The problem `unknown-organisation`."""

    name = "unknown-organisation"


class UnknownOutlet(ApiError):
    """The problem `unknown-outlet`."""

    name = "unknown-outlet"


class UnknownRequest(ApiError):
    """The problem `unknown-request`."""

    name = "unknown-request"


class UnknownTransferCoding(ApiError):
    """The problem `unknown-transfer-coding`."""

    name = "unknown-transfer-coding"


class UnknownWebhookEndpoint(ApiError):
    """The problem `unknown-webhook-endpoint`."""

    name = "unknown-webhook-endpoint"


class WeakSecret(ApiError):
    """The problem `weak-secret`."""

    name = "weak-secret"


class WebhookDisabled(ApiError):
    """The problem `webhook-disabled`."""

    name = "webhook-disabled"


class WebhookEnabled(ApiError):
    """The problem `webhook-enabled`."""

    name = "webhook-enabled"


class WebhookExists(ApiError):
    """The problem `webhook-exists`."""

    name = "webhook-exists"
