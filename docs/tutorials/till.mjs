// A minimal till. Start it with the file that `enable_outlet --format json` printed: node till.mjs outlet.json
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import WebSocket from "ws";

const outlet = JSON.parse(readFileSync(process.argv[2], "utf8"));
const REPLACED = 4409; // the close code after which a till does not connect again
const orders = new Map();
const answers = new Map(); // a request that is sent again gets the same answer and is not executed again

const find = (payload) => {
  const order = orders.get(payload.SalesTransactionID);
  if (!order) throw new Error("unknown order");
  return order;
};
const methods = {
  0: () => ({ UserID: "1234", UserName: "Manager", CanMakePayments: true }), // GetUserFromPIN
  1: (payload) => ({ Orders: [...orders.values()], UserOrdersOnly: payload.UserOrdersOnly ?? false }), // GetOpenOrders
  10: (payload) => { // CreateOrder
    const order = { ...payload, SalesTransactionID: randomUUID() };
    orders.set(order.SalesTransactionID, order);
    return { Order: order, OutOfStockProducts: null };
  },
  12: (payload) => { // UpdateOrder
    const order = find(payload);
    order.Products = [...order.Products, ...payload.Products];
    return { Order: order, OutOfStockProducts: null };
  },
  13: (payload) => ({ SalesTransactionPaymentID: randomUUID(), OrderSummary: find(payload) }), // CreatePayment
};

function answer({ RequestID, MessageType, Payload }) {
  try {
    const method = methods[MessageType];
    return { RequestID, ResultCode: 0, ErrorMessage: null, Payload: method(Payload ?? {}) };
  } catch {
    return { RequestID, ResultCode: 1, ErrorMessage: "This till cannot do this.", Payload: null };
  }
}

async function serve() {
  const signal = AbortSignal.timeout(20_000);
  const response = await fetch(outlet.AuthURL, { method: "POST", body: JSON.stringify(outlet), signal });
  if (!response.ok) throw new Error(`authentication: ${response.status}`);
  const { AccessToken } = await response.json();
  const socket = new WebSocket(`${outlet.WebsocketURL}?token=${AccessToken}`, { handshakeTimeout: 20_000 });
  socket.on("open", () => console.log("connected"));
  socket.on("message", (frame) => {
    const request = JSON.parse(frame);
    if (!answers.has(request.RequestID)) answers.set(request.RequestID, JSON.stringify(answer(request)));
    socket.send(answers.get(request.RequestID));
  });
  const code = await new Promise((resolve, reject) => socket.on("close", resolve).on("error", reject));
  if (code !== REPLACED) return;
  console.error("Another till connected with the same secret.");
  process.exit(1);
}

for (let wait = 1; ; ) {
  const started = Date.now();
  await serve().catch((error) => console.log("not connected:", error.name));
  wait = Date.now() - started > 60_000 ? 1 : Math.min(wait * 2, 60);
  await new Promise((resolve) => setTimeout(resolve, wait * 1000 * (0.5 + Math.random() / 2)));
}
