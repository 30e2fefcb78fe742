/**
 * Byte strings and numbers.
 *
 * Numbers of the wire go up to 2^64 - 1. A `Uint` is a `number` where that is exact and a `bigint` above it, never the
 * other way round, so that `===`, `<` and keys of maps mean what they say.
 */

export type Bytes = Uint8Array<ArrayBuffer>;
export type Uint = number | bigint;

export const UINT_MAX = (1n << 64n) - 1n;

/** Return the one representation of a number. */
export function uint(value: bigint): Uint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Return the sum of a date and a time, exactly. */
export function plus(left: Uint, right: Uint): Uint {
  return uint(BigInt(left) + BigInt(right));
}

export function bytes(length: number): Bytes {
  return new Uint8Array(length);
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const whole = bytes(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function ascii(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

export function utf8(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, "utf8"));
}

export function hex(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
}

export function fromHex(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, "hex"));
}

export function equal(left: Uint8Array, right: Uint8Array): boolean {
  return compare(left, right) === 0;
}

/** Return a negative number, zero or a positive one: the order of byte strings. */
export function compare(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

export function u8(value: number): Bytes {
  return new Uint8Array([value]);
}

export function u16(value: number): Bytes {
  const out = bytes(2);
  new DataView(out.buffer).setUint16(0, value);
  return out;
}

export function u32(value: number): Bytes {
  const out = bytes(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

export function u64(value: Uint): Bytes {
  const out = bytes(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}

/** Read `length` bytes from `at` as an unsigned number, big-endian. */
export function readUint(source: Uint8Array, at: number, length: number): Uint {
  let value = 0n;
  for (const byte of source.subarray(at, at + length)) value = (value << 8n) | BigInt(byte);
  return uint(value);
}

/** As `readUint`, for at most six bytes. */
export function readNumber(source: Uint8Array, at: number, length: number): number {
  return Number(readUint(source, at, length));
}

/** Return a copy of a piece of a byte string. */
export function slice(source: Uint8Array, from: number, to?: number): Bytes {
  return new Uint8Array(source.slice(from, to));
}
