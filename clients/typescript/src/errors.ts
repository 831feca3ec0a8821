import type { ProblemType } from "./problem_types.js";

const PREFIX = "urn:order-n-pay:problem:";

/** Base of all errors of this package. */
export class OrderNPayError extends Error {
    override name = "OrderNPayError";
}

/**
 * The deadline passed, or an answer was lost, before the outcome was known. The call may have taken effect. Make the
 * same call again with this `idempotencyKey` (in `send` and `submit`: `request_id`): it is not done twice.
 */
export class OutcomeUnknown extends OrderNPayError {
    override name = "OutcomeUnknown";

    constructor(readonly idempotencyKey: string | undefined, cause: unknown) {
        super("the outcome is not known yet", { cause });
    }
}

/** The portal answered with a problem. Compare `type`; a later portal may have types that are not listed. */
export class ApiError extends OrderNPayError {
    override name = "ApiError";
    /** The type without its prefix, such as `pos-offline`; empty if a proxy answered. */
    readonly type: ProblemType | (string & {});
    readonly detail: string;

    constructor(
        readonly status: number,
        readonly members: Readonly<Record<string, unknown>>,
        readonly retryAfter: number | undefined,
    ) {
        const type = textOf(members["type"]).replace(PREFIX, "");
        const detail = textOf(members["detail"]) || textOf(members["title"]) || "no problem document";
        super(`${status} ${type}: ${detail}`);
        this.type = type;
        this.detail = detail;
    }
}

function textOf(value: unknown): string {
    return typeof value === "string" ? value : "";
}
