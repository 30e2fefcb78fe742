/**
 * Reading structures: what the wire schema says of a field, as functions from a decoded value to a typed one.
 *
 * A structure is a map from small numbers to fields, all known: one that is missing, unknown or of another type makes
 * the whole malformed (ENV-3), and so does a value that breaks a rule of its place.
 */

import { type Bytes, type Uint, utf8 } from "./bytes.js";
import { decode, isList, type Value } from "./cbor.js";
import { HOUR_S, HOURS_MAX } from "./parameters.js";
import { demand } from "./refusal.js";

export type Read<T> = (value: Value) => T;

function isMap(value: Value): value is Exclude<Value, Uint | boolean | string | Bytes | readonly Value[]> {
  return value instanceof Map;
}

/** Read a structure whose fields are numbered from 0: `required` of them must be there, more up to `known` may. */
export function record(value: Value, required: number, known: number = required): Fields {
  demand(isMap(value), "malformed", "not a structure");
  for (const key of value.keys()) demand(typeof key === "number" && key < known, "malformed", "an unknown field");
  for (let key = 0; key < required; key++) demand(value.has(key), "malformed", `field ${key} is missing`);
  return new Fields(value);
}

/** The fields of a structure. */
export class Fields {
  constructor(private readonly map: ReadonlyMap<unknown, Value>) {}

  read<T>(key: number, as: Read<T>): T {
    const value = this.map.get(key);
    demand(value !== undefined, "malformed", `field ${key} is missing`);
    return as(value);
  }

  optional<T>(key: number, as: Read<T>): T | null {
    return this.map.has(key) ? this.read(key, as) : null;
  }

  has(key: number): boolean {
    return this.map.has(key);
  }

  /** Fields that are not described by a number from 0 on without a gap, such as those of a body. */
  only(...keys: readonly number[]): void {
    for (const key of this.map.keys()) demand(keys.includes(key as number), "malformed", "an unknown field");
  }
}

export function fieldsOf(value: Value): Fields {
  demand(isMap(value), "malformed", "not a structure");
  return new Fields(value);
}

export const number: Read<Uint> = (value) => {
  demand(typeof value === "number" || typeof value === "bigint", "malformed", "not a number");
  return value;
};

/** A number within bounds, both included, at most 2^53. */
export function within(least: number, most: number): Read<number> {
  return (value) => {
    const read = number(value);
    demand(typeof read === "number" && read >= least && read <= most, "malformed", "a number beyond its bounds");
    return read;
  };
}

/** A number that has to be this one: a version, a suite or a profile that is known (ENV-5). */
export function exactly(wanted: number): Read<number> {
  return within(wanted, wanted);
}

export const bool: Read<boolean> = (value) => {
  demand(typeof value === "boolean", "malformed", "not a truth value");
  return value;
};

/** Bytes, of a length within bounds. */
export function blob(least: number, most: number = least): Read<Bytes> {
  return (value) => {
    demand(value instanceof Uint8Array, "malformed", "not bytes");
    demand(value.length >= least && value.length <= most, "malformed", "bytes of another length");
    return value;
  };
}

export const anyBytes = blob(0, Number.MAX_SAFE_INTEGER);

/** Text, of so many bytes of UTF-8. */
export function text(least: number, most: number): Read<string> {
  return (value) => {
    demand(typeof value === "string", "malformed", "not text");
    const length = utf8(value).length;
    demand(length >= least && length <= most, "malformed", "text of another length");
    return value;
  };
}

/** A list of up to so many items of one kind. */
export function list<T>(item: Read<T>, most: number, least = 0): Read<readonly T[]> {
  return (value) => {
    demand(isList(value), "malformed", "not a list");
    demand(value.length >= least && value.length <= most, "malformed", "a list of another length");
    return value.map(item);
  };
}

/** A list of exactly so many items, each of its own kind. */
export function tuple(value: Value, length: number): readonly Value[] {
  demand(isList(value) && value.length === length, "malformed", "a list of another length");
  return value;
}

export function pairs(value: Value, most: number): readonly (readonly [string, Value])[] {
  demand(isMap(value) && value.size <= most, "malformed", "not a map, or too long");
  return [...value].map(([key, item]) => {
    demand(typeof key === "string", "malformed", "a key that is not text");
    return [key, item] as const;
  });
}

/** Check a valid-until date: a whole hour (ADDR-4), no later than a grant can say. */
export function checkHour(date: Uint): number {
  const whole = typeof date === "number" && date % HOUR_S === 0 && date <= HOURS_MAX * HOUR_S;
  demand(whole, "malformed", "no whole hour"); // ADDR-4
  return date;
}

/** Decode and read in one step. */
export function parse<T>(source: Uint8Array, as: Read<T>): T {
  return as(decode(source));
}
