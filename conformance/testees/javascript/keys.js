// The primitives of suite 1 on raw keys: X25519, Ed25519, ChaCha20-Poly1305 and HKDF-SHA256.
//
// Theory. Node wants keys in DER; a raw key of 32 bytes behind a fixed prefix is that DER. HKDF is written in its two
// halves, since HPKE and the epoch keys of label/1 need them apart.
//
// Rules: 1. A Diffie-Hellman result of zeros is refused, in the class that the caller names (SES-21). 2. Every signature
// covers label, a zero byte and the message (SES-3). 3. What does not authenticate is `forged`.
'use strict';

const crypto = require('node:crypto');
const { hmac, join, need, refuse, u8, unhex, zeros } = require('./bytes.js');

const PRIVATE = {
  x25519: unhex('302e020100300506032b656e04220420'),
  ed25519: unhex('302e020100300506032b657004220420'),
};
const PUBLIC = { x25519: unhex('302a300506032b656e032100'), ed25519: unhex('302a300506032b6570032100') };

function privateKey(curve, raw) {
  need(raw.length === 32, 'malformed', 'length of a secret key');
  return crypto.createPrivateKey({ key: join(PRIVATE[curve], raw), format: 'der', type: 'pkcs8' });
}

function publicKey(curve, raw) {
  need(raw.length === 32, 'malformed', 'length of a public key');
  return crypto.createPublicKey({ key: join(PUBLIC[curve], raw), format: 'der', type: 'spki' });
}

function publicOf(curve, raw) {
  return crypto.createPublicKey(privateKey(curve, raw)).export({ format: 'der', type: 'spki' }).subarray(-32);
}

// DH: X25519, without results of zeros.
function agree(secret, other, kind = 'malformed') {
  const keys = { privateKey: privateKey('x25519', secret), publicKey: publicKey('x25519', other) };
  let shared;
  try {
    shared = crypto.diffieHellman(keys);
  } catch {
    refuse(kind, 'degenerate public key');
  }
  need(!shared.equals(zeros(32)), kind, 'degenerate public key');
  return shared;
}

const sign = (seed, label, message) => crypto.sign(null, join(label, u8(0), message), privateKey('ed25519', seed));

function verify(key, label, message, signature) {
  let good = false;
  try {
    good = crypto.verify(null, join(label, u8(0), message), publicKey('ed25519', key), signature);
  } catch {
    good = false; // a key that is no point
  }
  need(good, 'forged', label);
}

function aeadSeal(key, nonce, plaintext, associated) {
  const cipher = crypto.createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(associated, { plaintextLength: plaintext.length });
  return join(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

// The plaintext, or null when it does not authenticate.
function aeadOpen(key, nonce, sealed, associated) {
  if (sealed.length < 16) return null;
  const end = sealed.length - 16;
  const cipher = crypto.createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(associated, { plaintextLength: end });
  cipher.setAuthTag(sealed.subarray(end));
  const plaintext = cipher.update(sealed.subarray(0, end));
  try {
    cipher.final();
  } catch {
    return null;
  }
  return plaintext;
}

const extract = (salt, secret) => hmac(salt, secret);

function expand(key, info, length) {
  const blocks = [];
  let last = zeros(0);
  for (let count = 1; blocks.length * 32 < length; count += 1) {
    last = hmac(key, join(last, info, u8(count)));
    blocks.push(last);
  }
  return Buffer.concat(blocks).subarray(0, length);
}

const hkdf = (salt, secret, info, length) => expand(extract(salt, secret), info, length);

module.exports = { aeadOpen, aeadSeal, agree, expand, extract, hkdf, publicOf, sign, verify };
