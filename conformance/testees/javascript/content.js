// Contents of messages (chapter 11) with the attachments that they list (10.3), and the fingerprint of chapter 14.
//
// Theory. A content is a type and data. The data of two types are the standard's own and checked with the content; all
// others are for applications.
//
// Rules: 1. What is not built as the tables say is `malformed` as a whole (CONT-1, ATT-12, ATT-18). 2. Types are
// compared byte for byte. 3. Both ends compute the same fingerprint, because the lower identity comes first (SEC-6).
'use strict';

const { createHash } = require('node:crypto');
const { FILE_MAX } = require('./attachment.js');
const { join, need, unhex } = require('./bytes.js');
const { decode, encode } = require('./cbor.js');
const { verify } = require('./keys.js');
const { bytes, exactly, list, malformed, record, tuple, uint } = require('./wire.js');

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const CONTENT_MAX = 2900;
const PROFILE = 'application/vnd.communicator.profile';

const text = (max) => (value) => {
  const length = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  malformed(length >= 1 && length <= max, 'text');
  return value;
};
const some = (item, max) => (value) => {
  malformed(Array.isArray(value) && value.length > 0, 'empty array');
  return list(item, max)(value);
};
const fileName = (value) => {
  malformed(!/[/\\\u0000-\u001f\u007f]/.test(text(255)(value)) && value !== '.' && value !== '..', 'file name');
  return value;
};

const attachment = record(
  [0, 'length', uint(FILE_MAX)],
  [1, 'locations', some(tuple(text(255), bytes(32), bytes(32), uint()), 4)],
  [2, 'type', text(127)],
  [3, 'name', fileName, true],
);
const profile = record([0, 'name', text(255)], [1, 'pronouns', text(63), true], [2, 'picture', attachment, true]);
const frame = record(
  [0, 'version', exactly(1)],
  [1, 'type', text(127)],
  [2, 'data', bytes(0, Infinity)],
  [3, 'attachments', some(attachment, 8), true],
);

function checkUtf8(data) {
  let good = true;
  try {
    UTF8.decode(data);
  } catch {
    good = false;
  }
  malformed(good, 'UTF-8');
}

function content(encoded) {
  need(encoded.length <= CONTENT_MAX, 'too-large', 'content');
  const found = frame(decode(encoded));
  if (found.type === 'text/plain') checkUtf8(found.data);
  if (found.type === PROFILE) profile(decode(found.data));
  return found;
}

function encodeAttachment({ length, locations, type, name }) {
  const places = locations.map(([uri, key, digest, until]) => [uri, unhex(key), unhex(digest), until]);
  const fields = new Map([[0, length], [1, places], [2, type]]);
  return name === null || name === undefined ? fields : fields.set(3, name);
}

function encodeContent({ type, data, attachments }) {
  const fields = new Map([[0, 1], [1, type], [2, unhex(data)]]);
  if (attachments.length > 0) fields.set(3, attachments.map(encodeAttachment));
  const encoded = encode(fields);
  content(encoded);
  return encoded;
}

function identity(encoded) {
  malformed(encoded.length === 128, 'identity');
  verify(encoded.subarray(0, 32), 'communicator identity binding', encoded.subarray(32, 64), encoded.subarray(64));
  return encoded;
}

function fingerprint(own, peer) {
  const digest = createHash('sha512').update(join(...[identity(own), identity(peer)].sort(Buffer.compare))).digest();
  const group = (_, at) => digest.subarray(5 * at, 5 * at + 5).readUIntBE(0, 5) % 100_000;
  return Array.from({ length: 12 }, group).map((number) => String(number).padStart(5, '0'));
}

const CONTENT_OPERATIONS = {
  'content.encode': (a) => ({ content: encodeContent(a) }),
  'content.decode': (a) => {
    const { type, data, attachments = [] } = content(unhex(a.content));
    return { type, data, attachments: attachments.map(({ name = null, ...others }) => ({ ...others, name })) };
  },
  'identity.fingerprint': (a) => ({ groups: fingerprint(unhex(a.own), unhex(a.peer)) }),
};

module.exports = { CONTENT_OPERATIONS };
