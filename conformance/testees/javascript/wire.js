// The structures of the wire schema: configurations, requests, deliveries, bodies and key packages, decoded and checked.
//
// Theory. A structure is a map with small integer keys. A check is a function of a decoded value that refuses it as
// malformed or returns it in the form the rest of the program uses; a record is a table of checks by key.
//
// Rules: 1. An unknown, missing or mistyped field is malformed (ENV-3), and so is an unknown version, profile or suite
// (ENV-5). 2. Sizes in bytes are checked before anything is decoded. 3. A check of a whole looks at its parts first.
'use strict';

const { isIPv6 } = require('node:net');

const { decode, encode } = require('./cbor.js');
const { join, need, sha256, u8 } = require('./bytes.js');

const REQUEST_MAX = 4096;
const DEVICE_MAX = 2900;
const CIPHERTEXT = 2800;
const LABEL_OVERHEAD = 65;
const HOUR_S = 3600;
const YEAR_S = 34_214_400;
const DATE_MAX_S = 0xffffffff * HOUR_S;
const U48 = 0xffff_ffff_ffff;

const malformed = (condition, detail) => need(condition, 'malformed', detail);
const isInteger = (value) => typeof value === 'number' || typeof value === 'bigint';

const uint = (max = 2n ** 64n - 1n, min = 0) => (value) => {
  malformed(isInteger(value) && value >= min && value <= max, 'integer');
  return value;
};
const exactly = (wanted) => uint(wanted, wanted);
const bytes = (min = 0, max = min) => (value) => {
  malformed(Buffer.isBuffer(value) && value.length >= min && value.length <= max, 'byte string');
  return value;
};
const bool = (value) => {
  malformed(typeof value === 'boolean', 'boolean');
  return value;
};
// The one way to write an origin (8.1): https, or http on a loopback host; no port that goes without saying.
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const origin = new RegExp(`^(?:https://(?:${label}(?:\\.${label})*|\\[([0-9a-f:.]+)\\])`
  + '|(http)://(?:localhost|127\\.0\\.0\\.1|\\[::1\\]))(?::([1-9][0-9]{0,4}))?$');
const uri = (value) => {
  malformed(typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 128, 'URI');
  const [matched, ipv6, http, port] = origin.exec(value) || [];
  malformed(matched !== undefined, 'not an origin');
  malformed(port === undefined || (port <= 65535 && port !== (http ? '80' : '443')), 'port');
  malformed(ipv6 === undefined || (isIPv6(ipv6) && new URL(`http://[${ipv6}]`).hostname === `[${ipv6}]`), 'address');
  return value;
};
const list = (item, max = Infinity) => (value) => {
  malformed(Array.isArray(value) && value.length <= max, 'array');
  return value.map(item);
};
const tuple = (...items) => (value) => {
  malformed(Array.isArray(value) && value.length === items.length, 'array of fixed length');
  return items.map((item, index) => item(value[index]));
};

// A map with integer keys; fields are [key, name, check, optional].
const record = (...fields) => (value) => {
  malformed(value instanceof Map, 'map');
  const found = {};
  let count = 0;
  for (const [key, name, check, optional] of fields) {
    if (value.has(key)) {
      found[name] = check(value.get(key));
      count += 1;
    } else {
      malformed(optional, `no ${name}`);
    }
  }
  malformed(count === value.size, 'unknown field');
  return found;
};

const profile = uint(2, 1);
const u48 = uint(U48);

const generation = (value) => {
  const [number, key, from, until] = tuple(uint(255), bytes(32), uint(), uint())(value);
  malformed(from < until, 'dates of a generation');
  return { number, key, from, until };
};
const unique = (items, of, detail) => malformed(new Set(items.map(of)).size === items.length, detail);
const generations = (value) => {
  const keys = list(generation, 8)(value);
  unique(keys, (key) => key.number, 'a generation twice');
  return keys;
};

function config(encoded) {
  const found = record(
    [0, 'uri', uri],
    [1, 'suite', exactly(1)],
    [2, 'profiles', list(profile)],
    [3, 'outer', generations],
    [4, 'inner', generations],
  )(decode(encoded));
  unique(found.profiles, (item) => item, 'a profile twice');
  malformed(found.profiles.includes(1) || found.inner.length === 0, 'inner keys without their profile');
  found.digest = sha256(join('communicator service configuration', u8(0), encoded)).subarray(0, 16);
  return found;
}

function encodeConfig(name, outer, inner) {
  const rows = (keys) => keys.map((key) => [key.number, key.public, key.from, key.until]);
  return encode(new Map([[0, name], [1, 1], [2, [1, 2]], [3, rows(outer)], [4, rows(inner)]]));
}

const ciphertext = bytes(CIPHERTEXT);
const requests = {
  1: record([0, 'version', exactly(1)], [1, 'profile', profile], [2, 'sda', bytes(186)], [3, 'ciphertext', ciphertext]),
  2: record([0, 'version', exactly(1)], [1, 'profile', profile], [2, 'sealed', bytes(LABEL_OVERHEAD + CIPHERTEXT)]),
};

function request(encoded) {
  need(encoded.length <= REQUEST_MAX, 'too-large', 'request');
  const value = decode(encoded);
  malformed(value instanceof Map, 'map');
  return requests[profile(value.get(1))](value);
}

const encodeTwoLayer = (sda, text) => encode(new Map([[0, 1], [1, 1], [2, sda], [3, text]]));
const encodeLabelled = (sealed) => encode(new Map([[0, 1], [1, 2], [2, sealed]]));

function delivery(encoded) {
  need(encoded.length <= DEVICE_MAX, 'too-large', 'delivery');
  return record(
    [0, 'version', exactly(1)],
    [1, 'number', uint()],
    [2, 'ciphertext', ciphertext],
    [3, 'index', uint(0xffffffff)],
    [4, 'epoch', uint(0xffffffff), true],
  )(decode(encoded));
}

// [floor, ranges]: floor itself is missing, and so is at least one id between two ranges (ENV-15).
const received = (value) => {
  const [floor, ranges] = tuple(u48, list(tuple(u48, u48), 32))(value);
  let next = floor;
  for (const [from, to] of ranges) {
    malformed(from > next && to >= from, 'ranges');
    next = to + 1;
  }
  return [floor, ranges];
};

const wholeHour = (value) => {
  const date = uint(DATE_MAX_S)(value);
  malformed(BigInt(date) % BigInt(HOUR_S) === 0n, 'not a whole hour');
  return date;
};
const grantOf = (secret) => record(
  [0, 'serial', uint(0xffffffff)],
  [1, 'longTerm', bool],
  [2, 'until', wholeHour],
  [3, 'capacity', uint(65536)],
  [4, 'secret', secret],
);
const entryOf = (secret) => record(
  [0, 'uri', uri],
  [1, 'profile', profile],
  [2, 'keys', record([0, 'suite', exactly(1)], [1, 'outer', generations])],
  [3, 'grants', list(grantOf(secret), 16)],
);
const entries = { 1: entryOf(list(bytes(137))), 2: entryOf(bytes(32)) };
const entry = (value) => {
  malformed(value instanceof Map, 'map');
  return entries[profile(value.get(1))](value);
};
const addressSet = (value) => {
  const found = record([0, 'version', u48], [1, 'services', list(entry, 8)])(value);
  unique(found.services, (service) => service.uri, 'a service twice');
  return found;
};
const digests = (value) => {
  malformed(value instanceof Map && value.size <= 8, 'digests');
  for (const [key, digest] of value) {
    uri(key);
    bytes(16)(digest);
  }
  return value;
};

// CONT-15: what READ covers is covered by the receipt beside it.
function checkRead(found) {
  const [floor, ranges] = received(decode(found.content ?? Buffer.alloc(0)));
  const [known, spans] = found.received;
  const covered = ([from, to]) => to < known || spans.some(([a, b]) => a <= Math.max(from, known) && to <= b);
  malformed((floor === 0 || covered([0, floor - 1])) && ranges.every(covered), 'READ beyond the receipt');
}

function checkBody(value) {
  const found = record(
    [0, 'version', exactly(1)],
    [1, 'kind', uint(7)],
    [2, 'number', u48, true],
    [3, 'received', received],
    [4, 'holds', u48],
    [5, 'set', addressSet, true],
    [6, 'digests', digests, true],
    [7, 'content', bytes(0, Infinity), true],
  )(value);
  malformed((found.kind === 0) === (found.number !== undefined), 'an id, and not a message, or the reverse');
  if (found.kind === 6) checkRead(found);
  if (found.kind === 7) record([0, 'next', u48])(decode(found.content ?? Buffer.alloc(0)));
  return found;
}

function body(encoded) {
  need(encoded.length <= DEVICE_MAX, 'too-large', 'body');
  return checkBody(decode(encoded));
}

// A body of the fields of the line protocol; what is null is left out.
function encodeBody(kind, number, ranges, holds, content) {
  const value = new Map([[0, 1], [1, kind], [2, number], [3, ranges], [4, holds], [7, content]]);
  for (const [key, item] of value) if (item === null || item === undefined) value.delete(key);
  checkBody(value);
  const encoded = encode(value);
  need(encoded.length <= DEVICE_MAX, 'too-large', 'body');
  return encoded;
}

const packageRecord = record(
  [0, 'version', exactly(1)],
  [1, 'suite', exactly(1)],
  [2, 'signing', bytes(32)],
  [3, 'agreement', bytes(32)],
  [4, 'binding', bytes(64)],
  [5, 'prekey', bytes(32)],
  [6, 'from', uint()],
  [7, 'until', uint()],
  [8, 'reusable', bool],
  [9, 'signature', bytes(64)],
);

// A key package with its identifier and the bytes that its signature covers; dates and signatures are judged elsewhere.
function keyPackage(encoded) {
  const value = decode(encoded);
  const found = packageRecord(value);
  malformed(found.from < found.until && BigInt(found.until) - BigInt(found.from) <= YEAR_S, 'dates of a key package');
  value.delete(9);
  return { ...found, signed: encode(value), identifier: sha256(encoded).subarray(0, 16) };
}

module.exports = {
  CIPHERTEXT, HOUR_S, LABEL_OVERHEAD, YEAR_S, addressSet, body, bytes, ciphertext, config, delivery, encodeBody,
  encodeConfig, encodeLabelled, encodeTwoLayer, exactly, keyPackage, list, malformed, record, request, tuple, uint, uri,
};
