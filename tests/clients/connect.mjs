// Opens one websocket with Node's ws and prints what happens as lines of JSON.
// Each line on standard input is a JSON string to be sent as a text frame.
import readline from "node:readline";
import process from "node:process";
import WebSocket from "ws";

const GIVE_UP_AFTER_MS = 60_000;

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
// The arguments are the address, and then the subprotocols to offer.
const socket = new WebSocket(process.argv[2], process.argv.slice(3), { handshakeTimeout: 20_000 });

socket.on("open", () => say(socket.protocol ? { event: "open", protocol: socket.protocol } : { event: "open" }));
socket.on("message", (data, isBinary) => say({ event: "message", isBinary, text: data.toString() }));
socket.on("ping", () => say({ event: "ping" }));
socket.on("error", (error) => say({ event: "error", message: error.message }));
socket.on("close", (code, reason) => {
  say({ event: "close", code, reason: reason.toString() });
  process.exit(0);
});
socket.on("unexpected-response", (request, response) => {
  let body = "";
  response.on("data", (chunk) => (body += chunk));
  response.on("end", () => {
    say({ event: "refused", status: response.statusCode, body });
    process.exit(0);
  });
});

readline.createInterface({ input: process.stdin }).on("line", (line) => socket.send(JSON.parse(line)));
setTimeout(() => process.exit(1), GIVE_UP_AFTER_MS);
