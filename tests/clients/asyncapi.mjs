// Parses an AsyncAPI document, and prints each error and warning of the AsyncAPI parser.
import { readFileSync } from "node:fs";
import process from "node:process";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const found = diagnostics.filter((each) => each.severity < 2);
for (const each of found) process.stdout.write(`${each.code} at ${each.path.join("/")}: ${each.message}\n`);
process.exitCode = document && found.length === 0 ? 0 : 1;
