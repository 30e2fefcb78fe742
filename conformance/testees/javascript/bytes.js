// Byte strings, refusals and the randomness of the line protocol.
//
// Theory. Everything the standard computes is a byte string, joined from fixed-width big-endian integers and other byte
// strings. A refusal is one of eight classes and nothing else; any other exception is a bug and ends the program. Random
// bytes are a function of the request's seed, a label, and how often that label was drawn before in the request.
//
// Rules: 1. Buffers inside, hex outside. 2. `refuse` is the only way to say no. 3. Nothing here draws real randomness.
'use strict';

const { createHmac, createHash } = require('node:crypto');

class Refused extends Error {
  constructor(kind, detail) {
    super(detail);
    this.kind = kind;
  }
}

function refuse(kind, detail = '') {
  throw new Refused(kind, detail);
}

// Refuse unless the condition holds.
function need(condition, kind, detail) {
  if (!condition) refuse(kind, detail);
}

const asBytes = (part) => (typeof part === 'string' ? Buffer.from(part, 'ascii') : part);
const join = (...parts) => Buffer.concat(parts.map(asBytes));
const unhex = (text) => Buffer.from(text, 'hex');
const hex = (bytes) => bytes.toString('hex');
const zeros = (count) => Buffer.alloc(count);

function integer(width, value) {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
}

const u8 = (value) => integer(1, value);
const u16 = (value) => integer(2, value);
const u32 = (value) => integer(4, value);
const u64 = (value) => join(zeros(4), u32(value));

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const hmac = (key, bytes) => createHmac('sha256', key).update(bytes).digest();

// The draws of one request: HMAC-SHA256(seed, "draw" 0 label 0 count (u64) block (u32)), counted for each label.
class Draws {
  constructor(seed) {
    this.seed = seed;
    this.counts = new Map();
  }

  bytes(label, length) {
    const count = this.counts.get(label) ?? 0;
    this.counts.set(label, count + 1);
    const blocks = [];
    for (let block = 0; block * 32 < length; block += 1) {
      blocks.push(hmac(this.seed, join('draw', u8(0), label, u8(0), u64(count), u32(block))));
    }
    return Buffer.concat(blocks).subarray(0, length);
  }
}

module.exports = { Draws, Refused, hex, hmac, join, need, refuse, sha256, u16, u32, u8, unhex, zeros };
