import { Webhook } from "standardwebhooks";

import type { Schemas } from "./resources.js";

/** An event. `id` is the same in each attempt: process each ID once. */
export interface WebhookEvent extends Pick<Schemas["Event"], "type" | "timestamp" | "data"> {
    readonly id: string;
}

/**
 * Return the event of a webhook; `body` is exactly as it arrived. Throws the Standard Webhooks library's
 * WebhookVerificationError if the signature is wrong or too old.
 */
export function verifyWebhook(secret: string, body: string, headers: Record<string, string>): WebhookEvent {
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    new Webhook(secret).verify(body, lower);
    const event = JSON.parse(body) as Pick<Schemas["Event"], "type" | "timestamp" | "data">;
    return { id: lower["webhook-id"] ?? "", ...event };
}
