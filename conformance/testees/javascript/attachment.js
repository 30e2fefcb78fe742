// Attachments (chapter 10): a file in chunks of one length, encrypted under a key of its own.
//
// Theory. Length, file and zeros fill the smallest power of two of chunks that is enough. A chunk authenticates its place
// and whether it is the last through its nonce, and how many there are through what it is bound to.
//
// Rules: 1. A file that fits no number of chunks is `too-large` before anything is encrypted (ATT-4). 2. Whatever is wrong
// with a ciphertext makes all of it `forged`, and nothing of the file is given out before the last check (ATT-2, ATT-11).
'use strict';

const { join, need, sha256, u32, u8, unhex, zeros } = require('./bytes.js');
const { aeadOpen, aeadSeal } = require('./keys.js');

const PLAIN = 65_520;
const CHUNK = 65_536;
const FILE_MAX = 67_092_472;

function chunksOf(length) {
  need(length <= FILE_MAX, 'too-large', 'file');
  let chunks = 1;
  while (chunks * PLAIN < 8 + length) chunks *= 2;
  return chunks;
}

const lengthBytes = (length) => {
  const bytes = zeros(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
};
const nonce = (place, isLast) => join(zeros(7), u32(place), u8(isLast ? 1 : 0));
const bound = (count) => join('communicator attachment', u8(0), u32(count));
const keyOf = (key) => {
  need(key.length === 32, 'malformed', 'key of an attachment');
  return key;
};

// Encrypt plaintext chunks as chunks of `count`, with the mark of the last one on number `last`.
const sealChunks = (key, plaintexts, count, last) => plaintexts.map(
  (plain, place) => aeadSeal(keyOf(key), nonce(place, place === last), plain, bound(count)),
);

function encrypt(key, file) {
  const count = chunksOf(file.length);
  const plain = join(lengthBytes(file.length), file, zeros(count * PLAIN - 8 - file.length));
  const pieces = Array.from({ length: count }, (_, place) => plain.subarray(place * PLAIN, (place + 1) * PLAIN));
  const chunks = sealChunks(key, pieces, count, count - 1);
  return { chunks, digest: sha256(join(...chunks)) };
}

function decrypt(key, chunks, length, digest) {
  keyOf(key);
  need(digest === null || digest.length === 32, 'malformed', 'length of a digest');
  const count = chunksOf(length);
  need(chunks.length === count && chunks.every((chunk) => chunk.length === CHUNK), 'forged', 'number of chunks');
  need(digest === null || sha256(join(...chunks)).equals(digest), 'forged', 'digest');
  const plain = join(...chunks.map((chunk, place) => {
    const opened = aeadOpen(keyOf(key), nonce(place, place === count - 1), chunk, bound(count));
    need(opened !== null, 'forged', 'chunk');
    return opened;
  }));
  need(plain.subarray(0, 8).equals(lengthBytes(length)), 'forged', 'length inside');
  need(plain.subarray(8 + length).every((byte) => byte === 0), 'forged', 'padding');
  return plain.subarray(8, 8 + length);
}

const filled = (start, length) => join(start, zeros(Math.max(0, length - start.length)));

const ATTACHMENT_OPERATIONS = {
  'attachment.size': (a) => ({ count: chunksOf(a.length) }),
  'attachment.encrypt': (a) => encrypt(unhex(a.key), filled(unhex(a.file), a.length)),
  'attachment.seal': (a) => ({
    chunks: sealChunks(unhex(a.key), a.plaintexts.map((start) => filled(unhex(start), PLAIN)), a.count, a.last),
  }),
  'attachment.decrypt': (a) => {
    const digest = a.digest === undefined || a.digest === null ? null : unhex(a.digest);
    return { file_hash: sha256(decrypt(unhex(a.key), a.chunks.map(unhex), a.length, digest)) };
  },
};

module.exports = { ATTACHMENT_OPERATIONS, FILE_MAX };
