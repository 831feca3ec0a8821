import { OutcomeUnknown } from "./errors.js";
import { Deliveries, Events, Organisations, Outlets, pathOf, Requests, WebhookEndpoints } from "./resources.js";
import type { Schemas } from "./resources.js";
import { Deadline, Transport } from "./transport.js";

type Order = Schemas["Order"];
type Answer = Schemas["Answer"];
/** The name of a documented message type, or the number of any message type. */
export type MessageTypeName = Order["message_type"];
type OfType<M> = { message_type: M extends number ? number : M };
export type PayloadOf<M extends MessageTypeName> = Extract<Order, OfType<M>>["payload"];
export type AnswerOf<M extends MessageTypeName> = Extract<Answer, OfType<M>>;

export interface SubmitOptions extends Pick<Order, "device_id" | "user_identifier" | "expires_in" | "validate"> {
    /** Your idempotency key; generated without one. Store it with your order to be able to send again. */
    request_id?: string;
}

export interface SendOptions extends SubmitOptions {
    /** If false, the request is sent once, and not stored before that. Use it only for requests that change nothing. */
    durable?: boolean;
    /** Seconds in which the outcome must be known; otherwise OutcomeUnknown is thrown. Default: the client's. */
    deadline?: number;
}

export interface ClientOptions {
    /** Seconds in which the outcome of each call must be known. Default: 60. */
    deadline?: number;
    fetch?: typeof globalThis.fetch;
}

const DEADLINE = 60; // seconds
const LONGEST_WAIT = 30; // seconds that one attempt waits at the portal

/**
 * Calls one portal with one API key. Each call repeats itself with growing pauses until its outcome is known, for at
 * most `deadline` seconds. It never takes effect twice.
 */
export class Client {
    readonly organisations: Organisations;
    readonly outlets: Outlets;
    readonly requests: Requests;
    readonly webhookEndpoints: WebhookEndpoints;
    readonly deliveries: Deliveries;
    readonly events: Events;
    readonly #transport: Transport;

    constructor(url: string, apiKey: string, options: ClientOptions = {}) {
        this.#transport = new Transport(url, apiKey, options.deadline ?? DEADLINE, options.fetch ?? globalThis.fetch);
        this.organisations = new Organisations(this.#transport);
        this.outlets = new Outlets(this.#transport);
        this.requests = new Requests(this.#transport);
        this.webhookEndpoints = new WebhookEndpoints(this.#transport);
        this.deliveries = new Deliveries(this.#transport);
        this.events = new Events(this.#transport);
    }

    /**
     * Send a request to the outlet's POS, and return the POS's answer: `outcome` is `answered` or `refused`. A lost
     * answer, a time-out or a busy portal leads to another attempt with the same `request_id`, so there is one
     * request, and one order. Throws OutcomeUnknown at the deadline.
     */
    async send<M extends MessageTypeName>(
        outlet: string,
        messageType: M,
        payload: PayloadOf<M>,
        { deadline, ...options }: SendOptions,
    ): Promise<AnswerOf<M>> {
        const until = new Deadline(deadline ?? this.#transport.deadline);
        return this.#send<AnswerOf<M>>(outlet, { message_type: messageType, payload, ...options, mode: "wait" }, until);
    }

    /** Store a request to the outlet's POS, and return at once. `wait` returns its outcome. */
    async submit<M extends MessageTypeName>(
        outlet: string,
        messageType: M,
        payload: PayloadOf<M>,
        options: SubmitOptions,
    ): Promise<Schemas["Receipt"]> {
        const content = { message_type: messageType, payload, ...options, mode: "async" };
        return this.#send(outlet, content, new Deadline(this.#transport.deadline));
    }

    /** Wait until the request with this id has ended, and return it. Throws OutcomeUnknown at the deadline. */
    async wait(id: string, options: { deadline?: number } = {}): Promise<Schemas["WholeRequest"]> {
        const until = new Deadline(options.deadline ?? this.#transport.deadline);
        for (;;) {
            const call = { method: "GET", path: `requests/${id}` } as const;
            const request = await this.#transport.exchange<Schemas["WholeRequest"]>(call, until);
            if (request.ended_at !== null) return request;
            if (!(await until.pause())) throw new OutcomeUnknown(request.request_id, undefined);
        }
    }

    /** Return the message types that the portal knows by name. */
    async messageTypes(): Promise<Schemas["MessageType"][]> {
        return (await this.#transport.get<Schemas["MessageTypes"]>("message-types")).results;
    }

    /** Return the owner, scopes and limits of the API key that this client uses. */
    apiKey(): Promise<Schemas["ApiKey"]> {
        return this.#transport.get("api-key");
    }

    #send<T>(outlet: string, content: SendOptions & Record<string, unknown>, until: Deadline): Promise<T> {
        const key = content.request_id ?? crypto.randomUUID();
        const body = () => ({
            ...content,
            request_id: key,
            timeout: Math.max(1, Math.min(LONGEST_WAIT, Math.floor(until.remaining / 1000))),
        });
        const path = `${pathOf(outlet)}/requests`;
        const call = { method: "POST", path, body, key, isRepeatable: content.durable !== false } as const;
        return this.#transport.exchange<T>(call, until);
    }
}
