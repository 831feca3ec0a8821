import type { components, operations } from "./api.js";
import type { Once, Transport } from "./transport.js";

export type Schemas = components["schemas"];
type Rows<T> = AsyncGenerator<T, void, undefined>;
type QueryOf<Name extends keyof operations> = operations[Name] extends { parameters: { query?: infer Q } }
    ? Omit<NonNullable<Q>, "cursor">
    : never;

export function pathOf(outlet: string): string {
    return `outlets/${encodeURIComponent(outlet)}`;
}

class Resource {
    protected readonly transport: Transport;

    constructor(transport: Transport) {
        this.transport = transport;
    }
}

export class Organisations extends Resource {
    list(query: QueryOf<"list_organisations"> = {}): Rows<Schemas["Organisation"]> {
        return this.transport.results("organisations", { ...query });
    }

    get(id: number): Promise<Schemas["Organisation"]> {
        return this.transport.get(`organisations/${id}`);
    }

    create(body: Schemas["OrganisationBody"], once: Once = {}): Promise<Schemas["Organisation"]> {
        return this.transport.post("organisations", body, once);
    }

    change(id: number, changes: Schemas["PatchedOrganisationBody"], once: Once = {}): Promise<Schemas["Organisation"]> {
        return this.transport.patch(`organisations/${id}`, changes, once);
    }

    delete(id: number, once: Once = {}): Promise<Schemas["Organisation"]> {
        return this.transport.delete(`organisations/${id}`, once);
    }
}

/** One-time links that show the values of an outlet to their recipient. */
export class HandoverLinks extends Resource {
    list(outlet: string, query: { limit?: number } = {}): Rows<Schemas["HandoverLink"]> {
        return this.transport.results(`${pathOf(outlet)}/handover-links`, query);
    }

    /** Create a link with a new secret. Only this answer has its `url` and `passphrase`. */
    create(outlet: string, body: Schemas["NewLinkBody"] = {}, once: Once = {}): Promise<Schemas["NewHandoverLink"]> {
        return this.transport.post(`${pathOf(outlet)}/handover-links`, body, once);
    }

    revoke(outlet: string, linkId: number, once: Once = {}): Promise<Schemas["HandoverLink"]> {
        return this.transport.delete(`${pathOf(outlet)}/handover-links/${linkId}`, once);
    }
}

/** The outlets that the API key sees. An outlet is named by its ProviderOutletID. */
export class Outlets extends Resource {
    readonly handoverLinks: HandoverLinks;

    constructor(transport: Transport) {
        super(transport);
        this.handoverLinks = new HandoverLinks(transport);
    }

    list(query: QueryOf<"list_outlets"> = {}): Rows<Schemas["Outlet"]> {
        return this.transport.results("outlets", { ...query });
    }

    get(outlet: string): Promise<Schemas["WholeOutlet"]> {
        return this.transport.get(pathOf(outlet));
    }

    /**
     * Create an outlet, and enable it if you pass `pos_remote_id`.
     *
     * If it is enabled, `handover` in the answer has its secret, which is shown only once.
     */
    create(body: Schemas["NewOutlet"], once: Once = {}): Promise<Schemas["CreatedOutlet"]> {
        return this.transport.post("outlets", body, once);
    }

    change(outlet: string, changes: Schemas["PatchedOutletChange"], once: Once = {}): Promise<Schemas["WholeOutlet"]> {
        return this.transport.patch(pathOf(outlet), changes, once);
    }

    delete(outlet: string, once: Once = {}): Promise<Schemas["WholeOutlet"]> {
        return this.transport.delete(pathOf(outlet), once);
    }

    /** Enable an outlet that was never enabled. `handover` has its secret, shown only once. */
    enable(outlet: string, body: Schemas["Enable"], once: Once = {}): Promise<Schemas["HandedOverOutlet"]> {
        return this.#act(outlet, "enable", body, once);
    }

    disable(outlet: string, body: Schemas["Reason"], once: Once = {}): Promise<Schemas["WholeOutlet"]> {
        return this.#act(outlet, "disable", body, once);
    }

    reenable(outlet: string, body: Schemas["OptionalReason"] = {}, once: Once = {}): Promise<Schemas["WholeOutlet"]> {
        return this.#act(outlet, "reenable", body, once);
    }

    /** Replace the secret; the old one works until the `overlap` ends. `handover` has the new one, shown only once. */
    rotateSecret(
        outlet: string,
        body: Schemas["Rotation"] = {},
        once: Once = {},
    ): Promise<Schemas["HandedOverOutlet"]> {
        return this.#act(outlet, "rotate-secret", body, once);
    }

    /**
     * Replace a new secret that was lost during an overlap, before the POS used it.
     *
     * The old secret stays valid until the overlap ends.
     */
    replaceUnusedSecret(outlet: string, once: Once = {}): Promise<Schemas["HandedOverOutlet"]> {
        return this.#act(outlet, "replace-unused-secret", {}, once);
    }

    endOverlap(outlet: string, once: Once = {}): Promise<Schemas["WholeOutlet"]> {
        return this.#act(outlet, "end-overlap", {}, once);
    }

    disconnect(outlet: string, body: Schemas["OptionalReason"] = {}, once: Once = {}): Promise<Schemas["WholeOutlet"]> {
        return this.#act(outlet, "disconnect", body, once);
    }

    changePosRemoteId(outlet: string, posRemoteId: string, once: Once = {}): Promise<Schemas["WholeOutlet"]> {
        return this.#act(outlet, "change-pos-remote-id", { pos_remote_id: posRemoteId }, once);
    }

    /** Return which connection steps the POS has completed, and what to tell the person on site. */
    check(outlet: string): Promise<Schemas["OutletCheck"]> {
        return this.transport.get(`${pathOf(outlet)}/check`);
    }

    connections(outlet: string, query: { limit?: number } = {}): Rows<Schemas["Connection"]> {
        return this.transport.results(`${pathOf(outlet)}/connections`, query);
    }

    attempts(outlet: string, query: { limit?: number } = {}): Rows<Schemas["Attempt"]> {
        return this.transport.results(`${pathOf(outlet)}/attempts`, query);
    }

    #act<T>(outlet: string, name: string, body: unknown, once: Once): Promise<T> {
        return this.transport.post(`${pathOf(outlet)}/${name}`, body, once);
    }
}

/** Requests to POSes. `id` is the portal's ID of a request, not your `request_id`. */
export class Requests extends Resource {
    list(query: QueryOf<"list_requests"> = {}): Rows<Schemas["Request"]> {
        return this.transport.results("requests", { ...query });
    }

    get(id: string): Promise<Schemas["WholeRequest"]> {
        return this.transport.get(`requests/${id}`);
    }

    /** Cancel a request that has not been sent yet. */
    cancel(id: string, once: Once = {}): Promise<Schemas["WholeRequest"]> {
        return this.transport.post(`requests/${id}/cancel`, {}, once);
    }
}

/** The addresses that receive events. */
export class WebhookEndpoints extends Resource {
    list(query: QueryOf<"list_webhook_endpoints"> = {}): Rows<Schemas["Endpoint"]> {
        return this.transport.results("webhook-endpoints", { ...query });
    }

    get(id: number): Promise<Schemas["Endpoint"]> {
        return this.transport.get(`webhook-endpoints/${id}`);
    }

    /** Create an endpoint. Only this answer has its secret, which `verifyWebhook` needs. */
    create(body: Schemas["NewEndpoint"], once: Once = {}): Promise<Schemas["EndpointWithSecret"]> {
        return this.transport.post("webhook-endpoints", body, once);
    }

    change(id: number, changes: Schemas["PatchedEndpointChange"], once: Once = {}): Promise<Schemas["Endpoint"]> {
        return this.transport.patch(`webhook-endpoints/${id}`, changes, once);
    }

    delete(id: number, once: Once = {}): Promise<Schemas["Endpoint"]> {
        return this.transport.delete(`webhook-endpoints/${id}`, once);
    }

    rotateSecret(
        id: number,
        body: Schemas["EndpointRotation"] = {},
        once: Once = {},
    ): Promise<Schemas["EndpointWithSecret"]> {
        return this.transport.post(`webhook-endpoints/${id}/rotate-secret`, body, once);
    }

    endOverlap(id: number, once: Once = {}): Promise<Schemas["Endpoint"]> {
        return this.transport.post(`webhook-endpoints/${id}/end-overlap`, {}, once);
    }

    /** Send a test event. */
    test(id: number, once: Once = {}): Promise<Schemas["Delivery"]> {
        return this.transport.post(`webhook-endpoints/${id}/test`, {}, once);
    }
}

/** The deliveries of the last 30 days, the newest first. */
export class Deliveries extends Resource {
    list(query: QueryOf<"list_deliveries"> = {}): Rows<Schemas["Delivery"]> {
        return this.transport.results("deliveries", { ...query });
    }

    get(id: number): Promise<Schemas["Delivery"]> {
        return this.transport.get(`deliveries/${id}`);
    }

    /** Send an event again. */
    replay(id: number, once: Once = {}): Promise<Schemas["Delivery"]> {
        return this.transport.post(`deliveries/${id}/replay`, {}, once);
    }
}

/** The events of the last 30 days, the oldest first. */
export class Events extends Resource {
    /** Yield the events after the one with the id `after`, until now. */
    list(query: QueryOf<"list_events"> = {}): Rows<Schemas["Event"]> {
        return this.transport.results("events", { ...query });
    }
}
