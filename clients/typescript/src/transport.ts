import { ApiError, OutcomeUnknown } from "./errors.js";
import { TEMPORARY } from "./problem_types.js";

const ATTEMPT = 35_000; // milliseconds that one attempt may take
const LONGEST_PAUSE = 8_000;
const PRINTABLE = /^[\x20-\x7e]+$/;

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** For a call that creates or changes: repeat it with the same key, and it takes effect once. */
export interface Once {
    idempotencyKey?: string;
}

/** One call, and how it may be repeated. `body` returns the body of the next attempt. */
export interface Call {
    readonly method: Method;
    readonly path: string;
    readonly query?: Query | undefined;
    readonly body?: (() => unknown) | undefined;
    /** The idempotency key, for OutcomeUnknown. The headers or the body hold it, too. */
    readonly key?: string | undefined;
    readonly headers?: Readonly<Record<string, string>>;
    readonly isRepeatable?: boolean;
}

/** The moment at which a call gives up, and the pauses until then. */
export class Deadline {
    readonly #end: number;
    #attempts = 0;

    constructor(seconds: number) {
        this.#end = performance.now() + seconds * 1000;
    }

    /** The milliseconds until the deadline. */
    get remaining(): number {
        return this.#end - performance.now();
    }

    /** Wait for the next attempt, and return true; false at once if the deadline is before it. */
    async pause(retryAfter?: number): Promise<boolean> {
        const backoff = Math.min(LONGEST_PAUSE, 250 * 2 ** this.#attempts) * (0.5 + Math.random() / 2);
        this.#attempts += 1;
        const milliseconds = Math.max(backoff, (retryAfter ?? 0) * 1000);
        if (milliseconds >= this.remaining) return false;
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
        return true;
    }
}

/** Calls one portal with one API key. */
export class Transport {
    readonly #base: string;
    readonly #apiKey: string; // private, so that a log of this object does not contain it

    constructor(
        url: string,
        apiKey: string,
        readonly deadline: number,
        readonly fetch: typeof globalThis.fetch,
    ) {
        if (!/^https?:\/\//i.test(url)) throw new TypeError(`the URL of the portal begins with https://, not ${url}`);
        this.#base = `${url.replace(/\/+$/, "")}/api/v1/`;
        this.#apiKey = String(apiKey).trim(); // a caller in JavaScript may pass undefined
        if (!PRINTABLE.test(this.#apiKey)) throw new TypeError("this is not an API key");
    }

    async get<T>(path: string, query?: Query): Promise<T> {
        return this.exchange<T>({ method: "GET", path, query }, new Deadline(this.deadline));
    }

    async post<T>(path: string, body: unknown = {}, once: Once = {}): Promise<T> {
        return this.#change("POST", path, once, () => body);
    }

    async patch<T>(path: string, body: unknown, once: Once): Promise<T> {
        return this.#change("PATCH", path, once, () => body);
    }

    async delete<T>(path: string, once: Once): Promise<T> {
        return this.#change("DELETE", path, once);
    }

    /** Yield the rows of a list, page after page. */
    async *results<T>(path: string, query: Query): AsyncGenerator<T, void, undefined> {
        let left: Query | undefined = query;
        while (left) {
            const page: { results: T[]; next: string | null } = await this.get(path, left);
            yield* page.results;
            // Use only the query of this URL: its host may differ from the client's, and must not get the API key.
            left = page.next === null ? undefined : Object.fromEntries(new URL(page.next).searchParams);
        }
    }

    /** Return the answer of the first attempt that has a known outcome. */
    async exchange<T>(call: Call, deadline: Deadline): Promise<T> {
        for (;;) {
            let error: unknown;
            let retryAfter: number | undefined;
            try {
                return await this.#attempt<T>(call, deadline);
            } catch (caught) {
                error = caught;
                if (caught instanceof ApiError) {
                    if (!isTemporary(caught)) throw caught;
                    retryAfter = caught.retryAfter;
                } else if (!(caught instanceof Lost)) {
                    throw caught;
                } else {
                    error = caught.cause;
                    if (call.isRepeatable === false) throw new OutcomeUnknown(call.key, error);
                }
            }
            if (!(await deadline.pause(retryAfter))) throw new OutcomeUnknown(call.key, error);
        }
    }

    /** Make a call that takes effect once, however often it is repeated with this idempotency key. */
    async #change<T>(method: Method, path: string, once: Once, body?: () => unknown): Promise<T> {
        const key = once.idempotencyKey ?? crypto.randomUUID();
        const headers = { "Idempotency-Key": quoted(key) };
        return this.exchange<T>({ method, path, body, key, headers }, new Deadline(this.deadline));
    }

    async #attempt<T>(call: Call, deadline: Deadline): Promise<T> {
        const address = new URL(this.#base + call.path);
        for (const [name, value] of Object.entries(call.query ?? {})) {
            if (value !== undefined) address.searchParams.set(name, String(value));
        }
        const headers: Record<string, string> = { Authorization: `Bearer ${this.#apiKey}`, ...call.headers };
        if (call.body) headers["Content-Type"] = "application/json";
        const [response, text] = await this.#received(address, {
            method: call.method,
            headers,
            redirect: "manual",
            signal: AbortSignal.timeout(Math.ceil(Math.max(100, Math.min(ATTEMPT, deadline.remaining)))),
            ...(call.body ? { body: JSON.stringify(call.body()) } : {}),
        });
        if (!response.ok) throw new ApiError(response.status, membersOf(text), retryAfterOf(response));
        return JSON.parse(text) as T;
    }

    /** Return a whole answer. Throws Lost if fetch could not send the call or read its answer, or took too long. */
    async #received(address: URL, options: RequestInit): Promise<[Response, string]> {
        try {
            const response = await this.fetch(address, options);
            return [response, await response.text()];
        } catch (error) {
            throw error instanceof TypeError || error instanceof DOMException ? new Lost(error) : error;
        }
    }
}

/** An attempt without an answer. */
class Lost extends Error {
    constructor(cause: unknown) {
        super("the answer was lost", { cause });
    }
}

/** An idempotency key as a quoted string (RFC 9651). */
function quoted(key: string): string {
    if (!PRINTABLE.test(key)) throw new TypeError("an idempotency key consists of printable ASCII characters");
    return `"${key.replace(/["\\]/g, "\\$&")}"`;
}

/** A 5xx without a problem comes from a proxy. */
function isTemporary(error: ApiError): boolean {
    return error.type === "" ? error.status >= 500 || error.status === 429 : TEMPORARY.has(error.type);
}

function membersOf(text: string): Record<string, unknown> {
    try {
        const members: unknown = JSON.parse(text);
        return typeof members === "object" && members !== null ? { ...members } : {};
    } catch {
        return {};
    }
}

function retryAfterOf(response: Response): number | undefined {
    const value = response.headers.get("Retry-After") ?? "";
    return /^\d+$/.test(value) ? Number(value) : undefined;
}
