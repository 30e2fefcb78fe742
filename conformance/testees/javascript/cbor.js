// CBOR in the core deterministic encoding (RFC 8949, section 4.2.1), as chapter 3 restricts it.
//
// Theory. One value has one encoding, so a decoder that refuses every other encoding makes digests and signatures over
// encodings safe. Types: unsigned integers (numbers, or BigInt above 2^53), byte strings (Buffer), text (string), arrays,
// maps (Map) and booleans.
//
// Rules: 1. Anything else, any longer form, unordered or repeated keys, and bytes after the value are malformed (ENV-1).
// 2. Containers nest at most 8 deep, the outermost counted (ENV-4). 3. No allocation is larger than the input.
'use strict';

const { join, need, refuse, u16, u32, u8 } = require('./bytes.js');

const NESTING_MAX = 8;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const [UINT, BYTES, TEXT, ARRAY, MAP, SIMPLE] = [0, 2, 3, 4, 5, 7];

function head(major, value) {
  const first = major << 5;
  if (value < 24) return u8(first | Number(value));
  if (value < 0x100) return join(u8(first | 24), u8(Number(value)));
  if (value < 0x10000) return join(u8(first | 25), u16(Number(value)));
  if (value < 0x100000000) return join(u8(first | 26), u32(Number(value)));
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(BigInt(value));
  return join(u8(first | 27), long);
}

function encode(value) {
  if (typeof value === 'number' || typeof value === 'bigint') return head(UINT, value);
  if (typeof value === 'boolean') return u8(value ? 0xf5 : 0xf4);
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'utf8');
    return join(head(TEXT, text.length), text);
  }
  if (Buffer.isBuffer(value)) return join(head(BYTES, value.length), value);
  if (Array.isArray(value)) return join(head(ARRAY, value.length), ...value.map(encode));
  if (!(value instanceof Map)) throw new TypeError('no CBOR for this value');
  const pairs = [...value].map(([key, item]) => [encode(key), encode(item)]);
  pairs.sort(([left], [right]) => Buffer.compare(left, right));
  return join(head(MAP, pairs.length), ...pairs.flat());
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    need(count <= this.bytes.length - this.at, 'malformed', 'ends early');
    this.at += Number(count);
    return this.bytes.subarray(this.at - Number(count), this.at);
  }

  // The argument of a head, in its shortest form.
  argument(short) {
    if (short < 24) return short;
    need(short <= 27, 'malformed', 'indefinite or reserved');
    const wide = this.take(1 << (short - 24));
    const value = BigInt(`0x${wide.toString('hex')}`);
    const least = [24n, 0x100n, 0x10000n, 0x100000000n][short - 24];
    need(value >= least, 'malformed', 'not the shortest form');
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  value(depth) {
    const first = this.take(1)[0];
    const major = first >> 5;
    if (major === SIMPLE) {
      need(first === 0xf4 || first === 0xf5, 'malformed', 'simple value or float');
      return first === 0xf5;
    }
    const argument = this.argument(first & 31);
    if (major === UINT) return argument;
    if (major === BYTES) return this.take(argument);
    if (major === TEXT) return this.text(argument);
    need(major === ARRAY || major === MAP, 'malformed', 'negative integer or tag');
    need(depth < NESTING_MAX, 'malformed', 'nested too deep');
    return major === ARRAY ? this.array(argument, depth + 1) : this.map(argument, depth + 1);
  }

  text(length) {
    const bytes = this.take(length);
    try {
      return UTF8.decode(bytes);
    } catch {
      return refuse('malformed', 'not UTF-8');
    }
  }

  array(count, depth) {
    const items = [];
    for (let index = 0; index < count; index += 1) items.push(this.value(depth));
    return items;
  }

  map(count, depth) {
    const items = new Map();
    let last = null;
    for (let index = 0; index < count; index += 1) {
      const start = this.at;
      const key = this.value(depth);
      const encoded = this.bytes.subarray(start, this.at);
      need(last === null || Buffer.compare(last, encoded) < 0, 'malformed', 'order of keys');
      last = encoded;
      items.set(key, this.value(depth));
    }
    return items;
  }
}

function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  need(reader.at === bytes.length, 'malformed', 'bytes after the value');
  return value;
}

module.exports = { decode, encode };
