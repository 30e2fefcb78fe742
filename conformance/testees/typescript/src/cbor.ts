/**
 * CBOR in the core deterministic encoding (RFC 8949, section 4.2.1), and nothing else of CBOR (3.1).
 *
 * There is one encoding of a value and one value of an encoding: shortest heads, definite lengths, keys in ascending
 * order of their encoding, none twice. Types are unsigned integers, byte and text strings, arrays, booleans and maps.
 * What is decoded encodes to the same bytes again; what would not is malformed (ENV-1).
 */

import { bytes, type Bytes, compare, concat, readUint, slice, u8, u16, u32, u64, type Uint, utf8 } from "./bytes.js";
import { NESTING_MAX } from "./parameters.js";
import { demand, Refusal } from "./refusal.js";

export type Key = Uint | string;
export type Value = Uint | boolean | string | Bytes | readonly Value[] | ReadonlyMap<Key, Value>;

const UNSIGNED = 0;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const SIMPLE = 7;

export function encode(value: Value): Bytes {
  if (typeof value === "number" || typeof value === "bigint") return head(UNSIGNED, value);
  if (typeof value === "boolean") return u8((SIMPLE << 5) | (value ? 21 : 20));
  if (typeof value === "string") {
    const text = utf8(value);
    return concat(head(TEXT, text.length), text);
  }
  if (value instanceof Uint8Array) return concat(head(BYTES, value.length), value);
  if (isList(value)) return concat(head(ARRAY, value.length), ...value.map(encode));
  const pairs = [...value].map(([key, item]) => [encode(key), encode(item)] as const);
  pairs.sort((left, right) => compare(left[0], right[0]));
  return concat(head(MAP, pairs.length), ...pairs.flat());
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function head(major: number, argument: Uint): Bytes {
  const top = major << 5;
  if (argument < 24) return u8(top | Number(argument));
  if (argument <= 0xff) return concat(u8(top | 24), u8(Number(argument)));
  if (argument <= 0xffff) return concat(u8(top | 25), u16(Number(argument)));
  if (argument <= 0xffff_ffff) return concat(u8(top | 26), u32(Number(argument)));
  return concat(u8(top | 27), u64(argument));
}

/** Decode one value, and nothing after it (ENV-1). */
export function decode(source: Uint8Array): Value {
  const reader = new Reader(source);
  const value = reader.value(0);
  demand(reader.at === source.length, "malformed", "bytes after the value");
  return value;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Reader {
  at = 0;

  constructor(private readonly source: Uint8Array) {}

  value(depth: number): Value {
    const initial = this.take(1)[0] ?? 0;
    const major = initial >> 5;
    if (major === SIMPLE) {
      demand(initial === 0xf4 || initial === 0xf5, "malformed", "a simple value or a float");
      return initial === 0xf5;
    }
    const argument = this.argument(initial & 31);
    switch (major) {
      case UNSIGNED:
        return argument;
      case BYTES:
        return slice(this.take(argument), 0);
      case TEXT:
        return text(this.take(argument));
      case ARRAY:
        return this.list(argument, depth + 1);
      case MAP:
        return this.map(argument, depth + 1);
      default:
        throw new Refusal("malformed", "a negative integer or a tag");
    }
  }

  private argument(short: number): Uint {
    if (short < 24) return short;
    demand(short <= 27, "malformed", "an indefinite length");
    const length = 1 << (short - 24);
    const value = readUint(this.take(length), 0, length);
    const least = length === 1 ? 24 : 2 ** (4 * length);
    demand(value >= least, "malformed", "a head that is not the shortest");
    return value;
  }

  private list(length: Uint, depth: number): readonly Value[] {
    this.enter(length, depth);
    const items: Value[] = [];
    for (let index = 0; index < length; index++) items.push(this.value(depth));
    return items;
  }

  private map(length: Uint, depth: number): ReadonlyMap<Key, Value> {
    this.enter(length, depth);
    const items = new Map<Key, Value>();
    let before: Uint8Array = bytes(0);
    for (let index = 0; index < length; index++) {
      const from = this.at;
      const key = this.value(depth);
      demand(typeof key !== "boolean" && typeof key !== "object", "malformed", "a key that is no number or text");
      const encoded = this.source.subarray(from, this.at);
      demand(compare(before, encoded) < 0, "malformed", "keys that are not in order, or one twice");
      before = encoded;
      items.set(key, this.value(depth));
    }
    return items;
  }

  private enter(length: Uint, depth: number): void {
    demand(depth <= NESTING_MAX, "malformed", "nested too deeply"); // ENV-4
    demand(length <= this.source.length - this.at, "malformed", "more items than there are bytes");
  }

  private take(length: Uint): Uint8Array {
    demand(length <= this.source.length - this.at, "malformed", "cut off");
    this.at += Number(length);
    return this.source.subarray(this.at - Number(length), this.at);
  }
}

function text(encoded: Uint8Array): string {
  try {
    return strict.decode(encoded);
  } catch {
    throw new Refusal("malformed", "text that is not UTF-8");
  }
}
