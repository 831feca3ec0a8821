// A minimal till. Write the output of `enable_outlet --format json` to outlet.json, then: node till.mjs outlet.json
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import WebSocket from "ws";

const PRICE = 5; // price of every product
const outlet = JSON.parse(readFileSync(process.argv[2], "utf8"));
const orders = new Map();
const answers = new Map(); // a request that is sent again gets the same answer and is not executed again

function newOrder(table) { // has the fields of a full order and also those of an order summary
  const order = {
    SalesTransactionID: randomUUID(), OrderNumberOpened: `S${String(orders.size + 1).padStart(7, "0")}`, Products: [],
    ServiceModePrefix: "TBL", ServiceModeEntityID: table, CurrencyCode: "EUR", Covers: 0, Taxes: [],
    Amount: 0, AmountOwing: 0, RemainingServiceChargeAmount: 0, IsClosed: false, InUse: false,
  };
  orders.set(order.SalesTransactionID, order);
  return order;
}

function execute(type, payload) {
  if (type === 0) // GetUserFromPIN
    return { UserID: "f9248a0f-ba0c-4c80-b9f2-fe020b456ce4", UserName: "Manager", CanMakePayments: true };
  if (type === 1) // GetOpenOrders
    return { Orders: [...orders.values()], UserOrdersOnly: payload.UserOrdersOnly ?? false };
  if (![10, 12, 13].includes(type)) throw new Error("unknown message type");
  const order = type === 10 ? newOrder(payload.ServiceModeEntityID) : orders.get(payload.SalesTransactionID);
  if (!order) throw new Error("unknown order");
  if (type === 13) { // CreatePayment
    order.AmountOwing -= payload.Payment.AmountSale;
    return { SalesTransactionPaymentID: randomUUID(), OrderSummary: order };
  }
  for (const line of payload.Products ?? []) { // CreateOrder (10) and UpdateOrder (12)
    const added = { ...line, Price: PRICE, TotalAmount: PRICE * line.Quantity };
    order.Products.push(added);
    order.Amount += added.TotalAmount;
    order.AmountOwing += added.TotalAmount;
  }
  return { Order: order, OutOfStockProducts: null };
}

function answer({ RequestID, MessageType, Payload }) {
  const same = { RequestID, MessageType, ResultCode: 0, ErrorMessage: null };
  try {
    return JSON.stringify({ ...same, Payload: execute(MessageType, Payload ?? {}) });
  } catch {
    return JSON.stringify({ ...same, ResultCode: 1, ErrorMessage: "This till cannot do this.", Payload: null });
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
    if (!answers.has(request.RequestID)) answers.set(request.RequestID, answer(request));
    socket.send(answers.get(request.RequestID));
  });
  return new Promise((resolve, reject) => socket.on("close", resolve).on("error", reject));
}

for (let wait = 1; ; ) {
  const started = Date.now();
  const code = await serve().catch((error) => console.log("not connected:", error.name));
  if (code === 4409) break;
  wait = Date.now() - started > 60_000 ? 1 : Math.min(wait * 2, 60);
  await new Promise((resolve) => setTimeout(resolve, wait * 1000 * (0.5 + Math.random() / 2)));
}
console.error("Another till connected with the same secret.");
process.exitCode = 1;
