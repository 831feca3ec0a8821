// The portal's POS protocol in idiomatic fastify, ws and better-sqlite3, for comparison: server.js DATABASE PORT.

"use strict";

const crypto = require("node:crypto");
const Database = require("better-sqlite3");
const fastify = require("fastify");
const { WebSocketServer } = require("ws");

const [database, port] = process.argv.slice(2);
const TOKEN_SECONDS = 300;
const PING_MILLISECONDS = 30_000;
const KEY = crypto.randomBytes(32);

const db = new Database(database, { readonly: true });
const findOutlet = db.prepare("SELECT * FROM outlets WHERE provider_outlet_id = ?");
const app = fastify();
const sockets = new WebSocketServer({ noServer: true });

const claim = {
  type: "object",
  required: ["ProviderOutletID", "POSRemoteID", "AuthSecret"],
  properties: {
    ProviderOutletID: { type: "string" },
    POSRemoteID: { type: "string" },
    AuthSecret: { type: "string" },
  },
};

app.post("/api/powerepos/v1/auth", { schema: { body: claim } }, async (request, reply) => {
  const outlet = findOutlet.get(request.body.ProviderOutletID);
  const digest = crypto.createHash("sha256").update(request.body.AuthSecret).digest("hex");
  if (!outlet || !isSame(digest, outlet.secret_digest)) {
    return reply.code(401).send({ ErrorMessage: "The auth secret was not valid!" });
  }
  if (outlet.pos_remote_id !== request.body.POSRemoteID || !outlet.is_enabled) {
    return reply.code(403).send({ ErrorMessage: "The outlet is not enabled for this POS." });
  }
  return { AccessToken: issue(outlet.provider_outlet_id) };
});

app.server.on("upgrade", (request, socket, head) => {
  const token = new URL(request.url, "http://localhost").searchParams.get("token");
  if (!token || !read(token)) {
    socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (websocket) => sockets.emit("connection", websocket, request));
});

sockets.on("connection", (websocket) => {
  websocket.isAlive = true;
  websocket.on("pong", () => { websocket.isAlive = true; });
  websocket.on("error", () => websocket.terminate());
});

setInterval(() => {
  for (const websocket of sockets.clients) {
    if (!websocket.isAlive) {
      websocket.terminate();
      continue;
    }
    websocket.isAlive = false;
    websocket.ping();
  }
}, PING_MILLISECONDS);

function issue(outlet) {
  const payload = Buffer.from(JSON.stringify([outlet, Date.now() / 1000 + TOKEN_SECONDS])).toString("base64url");
  return `${payload}.${sign(payload)}`;
}

function read(token) {
  const [payload, signature] = token.split(".");
  if (!signature || !isSame(signature, sign(payload))) {
    return null;
  }
  const [outlet, expires] = JSON.parse(Buffer.from(payload, "base64url").toString());
  return expires > Date.now() / 1000 ? outlet : null;
}

function sign(payload) {
  return crypto.createHmac("sha256", KEY).update(payload).digest("base64url");
}

function isSame(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

process.on("SIGTERM", () => process.exit(0));
app.listen({ host: "127.0.0.1", port: Number(port) });
