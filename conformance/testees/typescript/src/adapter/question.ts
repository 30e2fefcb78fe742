/**
 * Questions of the line protocol: arguments, handles, and what an operation is.
 *
 * Questions always have their form; one that does not is a bug of somebody and ends the program.
 */

import { type Bytes, fromHex, type Uint } from "../bytes.js";
import { Draws } from "../draws.js";
import type { Json, Members } from "../json.js";
import { demand } from "../refusal.js";

/** The arguments of an operation, by name. */
export class Args {
  constructor(private readonly members: Members) {}

  has(name: string): boolean {
    const value = this.members.get(name);
    return value !== undefined && value !== null;
  }

  private get(name: string): Json {
    const value = this.members.get(name);
    if (value === undefined) throw new TypeError(`no argument ${name}`);
    return value;
  }

  text(name: string): string {
    return asText(this.get(name));
  }

  bytes(name: string): Bytes {
    return fromHex(asText(this.get(name)));
  }

  /** Bytes that can only be of one length: keys, seeds, digests. */
  fixed(name: string, length: number): Bytes {
    const value = this.bytes(name);
    demand(value.length === length, "malformed", `${name} has another length`);
    return value;
  }

  optionalBytes(name: string): Bytes | null {
    return this.has(name) ? this.bytes(name) : null;
  }

  number(name: string): Uint {
    return asNumber(this.get(name));
  }

  optionalNumber(name: string): Uint | null {
    return this.has(name) ? this.number(name) : null;
  }

  /** A number that this program counts with. */
  small(name: string): number {
    const value = this.number(name);
    demand(typeof value === "number", "malformed", `${name} is beyond all bounds`);
    return value;
  }

  bool(name: string): boolean {
    const value = this.get(name);
    if (typeof value !== "boolean") throw new TypeError(`${name} is no truth value`);
    return value;
  }

  list(name: string): readonly Json[] {
    return asList(this.get(name));
  }

  byteList(name: string): readonly Bytes[] {
    return this.list(name).map((item) => fromHex(asText(item)));
  }

  textList(name: string): readonly string[] {
    return this.has(name) ? this.list(name).map(asText) : [];
  }

  parts(name: string): readonly Args[] {
    return this.list(name).map((item) => {
      if (!(item instanceof Map)) throw new TypeError(`${name} holds no objects`);
      return new Args(item);
    });
  }
}

export function asText(value: Json | undefined): string {
  if (typeof value !== "string") throw new TypeError("not a text");
  return value;
}

export function asNumber(value: Json | undefined): Uint {
  if (typeof value !== "number" && typeof value !== "bigint") throw new TypeError("not a number");
  return value;
}

export function asList(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value;
}

/** Objects of one kind, behind handles. */
export class Handles<T> {
  readonly #held = new Map<string, T>();

  constructor(private readonly prefix: string) {}

  add(value: T): string {
    const handle = `${this.prefix}${this.#held.size}`;
    this.#held.set(handle, value);
    return handle;
  }

  get(handle: string): T {
    const value = this.#held.get(handle);
    if (value === undefined) throw new TypeError(`no ${this.prefix} behind ${handle}`);
    return value;
  }

  put(handle: string, value: T): void {
    this.#held.set(handle, value);
  }
}

export interface Question {
  readonly args: Args;
  readonly now: Uint;
  readonly draws: Draws;
}

export type Answer = Record<string, unknown>;
export type Operation = (question: Question) => Answer | Promise<Answer>;
export type Operations = Readonly<Record<string, Operation>>;
