// A relay in idiomatic fastify, ws and better-sqlite3, for comparison: relay.js DATABASE PORT.
// A durable request costs one insert before its frame is sent and one update before the caller gets the answer.

"use strict";

const crypto = require("node:crypto");
const Database = require("better-sqlite3");
const fastify = require("fastify");
const { WebSocketServer } = require("ws");

const [database, port] = process.argv.slice(2);
const ANSWER_MILLISECONDS = 30_000;
const KEY_DIGEST = digestOf("benchmark");

const db = new Database(database);
db.pragma("journal_mode = WAL");
db.exec("CREATE TABLE requests (id TEXT PRIMARY KEY, outlet TEXT, payload TEXT, answer TEXT)");
const insert = db.prepare("INSERT INTO requests (id, outlet, payload) VALUES (?, ?, ?)");
const update = db.prepare("UPDATE requests SET answer = ? WHERE id = ?");

const app = fastify();
const server = new WebSocketServer({ noServer: true });
const sockets = new Map();
const waiting = new Map();

const order = {
  type: "object",
  required: ["message_type", "device_id", "payload"],
  properties: {
    message_type: { type: "integer" },
    device_id: { type: "string" },
    payload: { type: "object" },
    durable: { type: "boolean", default: true },
  },
};

app.addContentTypeParser("*", { parseAs: "string" }, app.getDefaultJsonParser("error", "error"));

app.post("/outlets/:outlet/requests", { schema: { body: order } }, async (request, reply) => {
  const digest = digestOf((request.headers.authorization || "").replace("Bearer ", ""));
  if (!crypto.timingSafeEqual(digest, KEY_DIGEST)) {
    return reply.code(401).send({ detail: "The API key is unknown." });
  }
  const { outlet } = request.params;
  if (!sockets.has(outlet)) {
    return reply.code(409).send({ detail: "The POS is offline." });
  }
  const id = crypto.randomUUID();
  const { durable, message_type, payload } = request.body;
  if (durable) {
    insert.run(id, outlet, JSON.stringify(payload));
  }
  const answer = await ask(outlet, { RequestID: id, MessageType: message_type, Payload: payload });
  if (durable) {
    update.run(JSON.stringify(answer), id);
  }
  return { request_id: id, result_code: answer.ResultCode, payload: answer.Payload };
});

app.server.on("upgrade", (request, socket, head) => {
  server.handleUpgrade(request, socket, head, (websocket) => {
    const outlet = request.url.slice(1);
    sockets.set(outlet, websocket);
    websocket.on("message", (data) => {
      const answer = JSON.parse(data);
      waiting.get(answer.RequestID)?.(answer);
    });
    websocket.on("close", () => sockets.delete(outlet));
    websocket.on("error", () => websocket.terminate());
  });
});

function ask(outlet, frame) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("The POS did not answer.")), ANSWER_MILLISECONDS);
    waiting.set(frame.RequestID, (answer) => {
      clearTimeout(timer);
      waiting.delete(frame.RequestID);
      resolve(answer);
    });
    sockets.get(outlet).send(JSON.stringify(frame));
  });
}

function digestOf(text) {
  return crypto.createHash("sha256").update(text).digest();
}

process.on("SIGTERM", () => process.exit(0));
app.listen({ host: "127.0.0.1", port: Number(port) });
