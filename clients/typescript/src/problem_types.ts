// Written by script/clients from the API's OpenAPI document. Do not edit it.

export type ProblemType =
    | "already-disabled"
    | "already-enabled"
    | "content-unreadable"
    | "database-away"
    | "first-answer-unreadable"
    | "headers-too-large"
    | "idempotency-key-in-use"
    | "idempotency-key-reused"
    | "integration-disabled"
    | "internal"
    | "invalid-api-key"
    | "invalid-input"
    | "limited-key"
    | "link-ended"
    | "link-lost"
    | "malformed-request"
    | "missing-scope"
    | "mistyped-secret"
    | "network-not-allowed"
    | "new-secret-in-use"
    | "no-answer-yet"
    | "no-overlap"
    | "not-cancellable"
    | "not-disabled"
    | "not-enabled"
    | "not-found"
    | "not-ready"
    | "nothing-to-disconnect"
    | "organisation-exists"
    | "outlet-exists"
    | "overlap-running"
    | "pos-offline"
    | "pos-remote-id-taken"
    | "provider-outlet-id-in-use"
    | "provider-outlet-id-taken"
    | "queue-full"
    | "rate-limited"
    | "request-cancelled"
    | "request-expired"
    | "request-failed"
    | "request-id-reused"
    | "request-timeout"
    | "restarting"
    | "secret-taken"
    | "still-in-use"
    | "target-too-long"
    | "too-large"
    | "too-many-bodies"
    | "too-many-requests"
    | "unknown-delivery"
    | "unknown-handover-link"
    | "unknown-http-version"
    | "unknown-organisation"
    | "unknown-outlet"
    | "unknown-request"
    | "unknown-transfer-coding"
    | "unknown-webhook-endpoint"
    | "weak-secret"
    | "webhook-disabled"
    | "webhook-enabled"
    | "webhook-exists";

/** The problems that the client repeats. */
export const TEMPORARY: ReadonlySet<string> = new Set<ProblemType>([
    "database-away",
    "idempotency-key-in-use",
    "internal",
    "no-answer-yet",
    "not-ready",
    "queue-full",
    "rate-limited",
    "request-timeout",
    "restarting",
    "too-many-bodies",
    "too-many-requests",
]);
