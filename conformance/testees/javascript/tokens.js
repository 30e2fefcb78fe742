// Tokens: blind RSA signatures over what an issuer does not see (chapter 9; RFC 9474, 9577 and 9578).
//
// Theory. The holder encodes a message as RSASSA-PSS does, multiplies it with r^e, and divides the issuer's answer by r.
// What remains is an ordinary signature, which Node verifies. Numbers are BigInt; Node's own RSA does the private power.
//
// Rules: 1. A key has one encoding: everything before and after the modulus is fixed (TOK-21). 2. Nothing is a token
// that was not verified (TOK-7). 3. A host of a challenge is that of a URI in its one form, with a port if it has one.
'use strict';

const crypto = require('node:crypto');

const { hex, join, need, sha256, u16, u32, u8, unhex, zeros } = require('./bytes.js');

const [MODULUS, SALT, E] = [256, 48, 65537n];
const HEAD = unhex('30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d0101083'
  + '00b0609608648016503040202a2030201300382010f003082010a0282010100');
const TAIL = unhex('0203010001');
const TYPE = u16(2);
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$/;

const number = (bytes) => BigInt(`0x${hex(bytes) || '0'}`);
const octets = (value, length) => unhex(value.toString(16).padStart(2 * length, '0'));
const sha384 = (bytes) => crypto.createHash('sha384').update(bytes).digest();

function power(base, exponent, n) {
  let [result, square] = [1n, base % n];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % n;
    square = (square * square) % n;
  }
  return result;
}

// The inverse of a number, or 0 if it has none.
function inverse(value, n) {
  let [a, b, x, y] = [value % n, n, 1n, 0n];
  while (b > 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return a === 1n ? ((x % n) + n) % n : 0n;
}

function decodeKey(encoded) {
  const modulus = encoded.subarray(HEAD.length, HEAD.length + MODULUS);
  need(encoded.equals(join(HEAD, modulus, TAIL)) && modulus.length === MODULUS, 'malformed', 'encoding of a key');
  need(modulus[0] > 127 && modulus[MODULUS - 1] % 2 === 1, 'malformed', 'modulus');
  return { n: number(modulus), identifier: sha256(encoded) };
}

function challenge(issuer, origin) {
  for (const host of [issuer, origin]) {
    need(typeof host === 'string' && host.length <= 255 && HOST.test(host), 'malformed', 'host');
  }
  return join(TYPE, u16(issuer.length), issuer, u8(0), u16(origin.length), origin);
}

function mask(seed, length) {
  const blocks = [];
  for (let count = 0; blocks.length * 48 < length; count += 1) blocks.push(sha384(join(seed, u32(count))));
  return Buffer.concat(blocks).subarray(0, length);
}

// EMSA-PSS-ENCODE (RFC 8017, section 9.1.1) for 2,047 bits.
function encodeMessage(message, salt) {
  const digest = sha384(join(zeros(8), sha384(message), salt));
  const block = join(zeros(MODULUS - salt.length - 48 - 2), u8(1), salt);
  const masked = mask(digest, block.length).map((byte, at) => byte ^ block[at]);
  masked[0] &= 127;
  return number(join(masked, digest, u8(0xbc)));
}

// A token that was asked for; a blind is any number that has an inverse.
function begin(encoded, digest, nonce, salt, blind) {
  const key = decodeKey(encoded);
  need(digest.length === 32 && nonce.length === 32 && salt.length === SALT, 'malformed', 'lengths');
  const divisor = blind < key.n ? inverse(blind, key.n) : 0n;
  need(divisor !== 0n, 'malformed', 'blind');
  const input = join(TYPE, nonce, digest, key.identifier);
  const blinded = (encodeMessage(input, salt) * power(blind, E, key.n)) % key.n;
  return { key, input, divisor, request: join(TYPE, key.identifier.subarray(31), octets(blinded, MODULUS)) };
}

function draw(encoded, digest, draws) {
  const { n } = decodeKey(encoded);
  const [nonce, salt] = [draws.bytes('token.nonce', 32), draws.bytes('token.salt', SALT)];
  for (;;) {
    const blind = number(draws.bytes('token.blind', MODULUS));
    if (blind < n && inverse(blind, n) !== 0n) return begin(encoded, digest, nonce, salt, blind);
  }
}

function verify(key, input, signature) {
  const jwk = { kty: 'RSA', n: octets(key.n, MODULUS).toString('base64url'), e: 'AQAB' };
  const padding = crypto.constants.RSA_PKCS1_PSS_PADDING;
  const checked = { key: crypto.createPublicKey({ key: jwk, format: 'jwk' }), padding, saltLength: SALT };
  need(crypto.verify('sha384', input, checked, signature), 'forged', 'signature of a token');
}

function finish({ key, input, divisor }, answer) {
  need(answer.length === MODULUS, 'malformed', 'length of an answer');
  const signature = octets((number(answer) * divisor) % key.n, MODULUS);
  verify(key, input, signature);
  return join(input, signature);
}

// What a service checks of a token, in the order of TOK-13, but for what it remembers.
function check(encoded, digest, token) {
  need(token.length === 354 && token.subarray(0, 2).equals(TYPE), 'malformed', 'layout of a token');
  const key = decodeKey(encoded);
  need(token.subarray(34, 66).equals(digest), 'forged', 'another challenge');
  need(token.subarray(66, 98).equals(key.identifier), 'forged', 'another key');
  verify(key, token.subarray(0, 98), token.subarray(98));
  return token.subarray(2, 34);
}

// Sign one request with the key of two primes.
function sign(p, q, request) {
  const [first, second] = [number(p), number(q)];
  const n = first * second;
  const { identifier } = decodeKey(join(HEAD, octets(n, MODULUS), TAIL));
  need(request.length === 259 && request.subarray(0, 2).equals(TYPE), 'malformed', 'token request');
  need(request[2] === identifier[31], 'refused', 'no key with this id issues');
  const blinded = request.subarray(3);
  need(number(blinded) < n && number(blinded) > 0n, 'malformed', 'blinded message');
  const d = inverse(E, (first - 1n) * (second - 1n));
  const values = {
    ...{ n, e: E, d, p: first, q: second },
    ...{ dp: d % (first - 1n), dq: d % (second - 1n), qi: inverse(second, first) },
  };
  const long = new Set(['n', 'd']);
  const jwk = { kty: 'RSA' };
  for (const [name, value] of Object.entries(values)) {
    jwk[name] = octets(value, name === 'e' ? 3 : long.has(name) ? MODULUS : MODULUS / 2).toString('base64url');
  }
  const key = crypto.createPrivateKey({ key: jwk, format: 'jwk' });
  return crypto.privateDecrypt({ key, padding: crypto.constants.RSA_NO_PADDING }, blinded);
}

// The operations; `keep` and `held` are the adapter's table of handles.
const tokenOperations = (keep, held) => {
  const pending = (made) => ({ handle: keep(made), request: made.request });
  return {
    'token.challenge': (a) => {
      const made = challenge(a.issuer, a.origin);
      return { challenge: made, digest: sha256(made) };
    },
    'token.key': (a) => ({ identifier: decodeKey(unhex(a.key)).identifier }),
    'token.begin': (a) => pending(
      begin(unhex(a.key), unhex(a.digest), unhex(a.nonce), unhex(a.salt), number(unhex(a.blind))),
    ),
    'token.request': (a, _now, draws) => pending(draw(unhex(a.key), unhex(a.digest), draws)),
    'token.finish': (a) => ({ token: finish(held(a.pending), unhex(a.answer)) }),
    'token.check': (a) => ({ nonce: check(unhex(a.key), unhex(a.digest), unhex(a.token)) }),
    'token.sign': (a) => ({ answer: sign(unhex(a.p), unhex(a.q), unhex(a.request)) }),
  };
};

module.exports = { tokenOperations };
