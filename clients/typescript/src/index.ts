/** Client of the Order N Pay portal. */

export { Client } from "./client.js";
export type { AnswerOf, ClientOptions, MessageTypeName, PayloadOf, SendOptions, SubmitOptions } from "./client.js";
export { ApiError, OrderNPayError, OutcomeUnknown } from "./errors.js";
export type { ProblemType } from "./problem_types.js";
export type { Schemas } from "./resources.js";
export type { Once } from "./transport.js";
export { verifyWebhook } from "./webhooks.js";
export type { WebhookEvent } from "./webhooks.js";
