// Runs in a folder that has only the built package: prints as JSON what the client got in each scenario, as scenarios.py
// does. Arguments: the portal's address, and that of a proxy that loses answers.

import { ApiError, Client, verifyWebhook } from "order-n-pay";

const [url, lossyUrl] = process.argv.slice(2);
const key = process.env.PORTAL_API_KEY;
const client = new Client(url, key);
const lossy = new Client(lossyUrl, key);
const person = { device_id: "kiosk-1", user_identifier: "1234" };

const order = (number, table) => ({
    ProviderOrderID: number,
    ServiceModeID: "0b6f1a4e-6c0e-4a5e-8f5b-0d8b6a4f2c01",
    ServiceModeEntityID: table,
    Products: [{ ProductType: 0, Name: "Soup", Quantity: 2, PLUIdentifier: "101", Price: 0, TotalAmount: 0 }],
});

const look = (table) => ({ ServiceModeEntityID: table, UserOrdersOnly: false });

function same(found, opened) {
    const id = opened.payload.Order.SalesTransactionID;
    return found.payload.Orders.filter((each) => each.SalesTransactionID === id);
}

async function fiveMinutes() {
    const opened = await client.send("demo-harbour", "CreateOrder", order("ts-1", "5"), person);
    const found = await client.send("demo-harbour", "GetOpenOrders", look("5"), { ...person, durable: false });
    return [opened.outcome, same(found, opened).length];
}

async function offline() {
    try {
        await client.send("demo-station", "GetUserFromPIN", { PIN: "5678" }, { device_id: "kiosk-1" });
    } catch (error) {
        if (error instanceof ApiError) return [error.status, error.type];
        throw error;
    }
}

async function refusal() {
    const answer = await client.send("demo-harbour", "GetUserFromPIN", { PIN: "0000" }, { device_id: "kiosk-1" });
    return [answer.outcome, answer.result_code];
}

async function anyRequestId() {
    const chosen = { request_id: ' "ü" ts 🍕 ', device_id: "kiosk-1" };
    const first = await client.send("demo-harbour", "GetUserFromPIN", { PIN: "5678" }, chosen);
    const second = await client.send("demo-harbour", "GetUserFromPIN", { PIN: "5678" }, chosen);
    return [first.request_id === chosen.request_id, first.id === second.id];
}

async function unsendable() {
    const attempts = [
        () => new Client("127.0.0.1:8000", key),
        () => new Client(url, "ONPK\n1"),
        () => client.organisations.create({ name: "x" }, { idempotencyKey: "ü" }),
        () => client.send("demo-harbour", 1, { Amount: 1n }, person),
    ];
    return Promise.all(attempts.map((attempt) => new Promise((done) => done(attempt())).catch((error) => error.name)));
}

async function blanks() {
    return (await new Client(url, ` ${key}\n`).apiKey()).name === (await client.apiKey()).name;
}

async function submitted() {
    const options = { ...person, expires_in: 60 };
    const receipt = await client.submit("demo-harbour", "GetOpenOrders", { ServiceModeEntityID: "7" }, options);
    const ended = await client.wait(receipt.id, { deadline: 30 });
    return [ended.state, ended.id === receipt.id];
}

async function pages() {
    const ids = [];
    for await (const outlet of client.outlets.list({ organisation: "Demo", limit: 1 })) ids.push(outlet.provider_outlet_id);
    return ids.sort();
}

async function lostAnswer() {
    const options = { ...person, deadline: 30 };
    const answer = await lossy.send("demo-airport", "CreateOrder", order("ts-lost", "9"), options);
    const found = await lossy.send("demo-airport", "GetOpenOrders", look("9"), options);
    return [answer.outcome, same(found, answer).length, found.payload.Orders.length];
}

function webhook() {
    const got = JSON.parse(process.env.WEBHOOK);
    const event = verifyWebhook(got.secret, got.body, got.headers);
    try {
        verifyWebhook(got.secret, `${got.body} `, got.headers);
    } catch {
        return [event.type, "forged"];
    }
}

console.log(
    JSON.stringify({
        "five minutes": await fiveMinutes(),
        offline: await offline(),
        refusal: await refusal(),
        "any request_id": await anyRequestId(),
        unsendable: await unsendable(),
        "blanks around the key": await blanks(),
        submitted: await submitted(),
        pages: await pages(),
        "lost answer": await lostAnswer(),
        webhook: webhook(),
    }),
);
