// A minimal till. Write the output of `enable_outlet --format json` to outlet.json, then: node till.mjs outlet.json
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import WebSocket from "ws";

const outlet = JSON.parse(readFileSync(process.argv[2], "utf8"));
const REPLACED = 4409; // the close code after which a till does not connect again
const PRICE = 5; // price of every product
const USER_ID = "f9248a0f-ba0c-4c80-b9f2-fe020b456ce4";
const orders = new Map();
const answers = new Map(); // a request that is sent again gets the same answer and is not executed again

const find = (payload) => {
  const order = orders.get(payload.SalesTransactionID);
  if (!order) throw new Error("unknown order");
  return order;
};
const open = (table) => { // a new order with the fields of both the full order and the summary
  const order = {
    SalesTransactionID: randomUUID(), OrderNumberOpened: `S${String(orders.size + 1).padStart(7, "0")}`,
    ServiceModePrefix: "TBL", ServiceModeEntityID: table, CurrencyCode: "EUR", Covers: 0, Taxes: [], Products: [],
    Amount: 0, AmountOwing: 0, RemainingServiceChargeAmount: 0, IsClosed: false, InUse: false,
  };
  orders.set(order.SalesTransactionID, order);
  return order;
};
const withProducts = (order, lines) => {
  for (const line of lines ?? []) {
    const TotalAmount = PRICE * line.Quantity;
    order.Products.push({ ...line, Price: PRICE, TotalAmount });
    order.Amount += TotalAmount;
    order.AmountOwing += TotalAmount;
  }
  return { Order: order, OutOfStockProducts: null };
};
const methods = {
  0: () => ({ UserID: USER_ID, UserName: "Manager", CanMakePayments: true }), // GetUserFromPIN
  1: (payload) => ({ Orders: [...orders.values()], UserOrdersOnly: payload.UserOrdersOnly ?? false }), // GetOpenOrders
  10: (payload) => withProducts(open(payload.ServiceModeEntityID), payload.Products), // CreateOrder
  12: (payload) => withProducts(find(payload), payload.Products), // UpdateOrder
  13: (payload) => { // CreatePayment
    find(payload).AmountOwing -= payload.Payment.AmountSale;
    return { SalesTransactionPaymentID: randomUUID(), OrderSummary: find(payload) };
  },
};

function answer({ RequestID, MessageType, Payload }) {
  try {
    const method = methods[MessageType];
    return { RequestID, MessageType, ResultCode: 0, ErrorMessage: null, Payload: method(Payload ?? {}) };
  } catch {
    return { RequestID, MessageType, ResultCode: 1, ErrorMessage: "This till cannot do this.", Payload: null };
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
