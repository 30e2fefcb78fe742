/**
 * The loop: a line in, a line out, in order.
 *
 * A refusal is an answer; anything else that is thrown ends the program, so that a bug is not taken for a refusal.
 */

import { createInterface } from "node:readline";

import { fromHex } from "../bytes.js";
import { Draws } from "../draws.js";
import { parseJson, writeJson } from "../json.js";
import { Refusal } from "../refusal.js";
import { type Answer, Args, asNumber, asText, type Operations } from "./question.js";

export async function serve(hello: Answer, operations: Operations): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    process.stdout.write(`${writeJson(await answered(line, hello, operations))}\n`);
  }
}

async function answered(line: string, hello: Answer, operations: Operations): Promise<Answer> {
  const question = parseJson(line);
  if (!(question instanceof Map)) throw new TypeError("a line that is no object");
  const id = asNumber(question.get("id"));
  const name = asText(question.get("op"));
  if (name === "hello") return { id, ok: hello };
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  const members = question.get("args");
  if (operation === undefined || !(members instanceof Map)) return { id, unsupported: true };
  const draws = new Draws(fromHex(asText(question.get("entropy"))));
  try {
    return { id, ok: await operation({ args: new Args(members), now: asNumber(question.get("now")), draws }) };
  } catch (error) {
    if (error instanceof Refusal) return { id, error: { class: error.kind, detail: error.message } };
    throw error;
  }
}
