/**
 * Tokens (chapter 9): blind signatures of RSA, RFC 9474 as RFC 9578 uses it (RSABSSA-SHA384-PSS-Deterministic).
 *
 *     token          0x0002 ‖ nonce ‖ challenge digest ‖ key id ‖ signature over all before
 *     token request  0x0002 ‖ last byte of the key id ‖ blinded message
 *
 * Numbers are the language's own: nothing here is constant in time, as a demonstration need not be.
 */

import { createHash } from "node:crypto";

import { bytes, type Bytes, concat, equal, fromHex, slice, u16, u8, utf8 } from "./bytes.js";
import type { Draws } from "./draws.js";
import { sha256 } from "./primitives.js";
import { demand } from "./refusal.js";
import { isAuthority } from "./uri.js";

const EXPONENT = 65_537n;
const MODULUS_BYTES = 256;
const HASH_BYTES = 48;
const SALT_BYTES = 48;
const TYPE = u16(2);

/** SubjectPublicKeyInfo of RFC 9578, section 6.5, up to the modulus; and what follows the modulus. */
const KEY_HEAD = fromHex(
  "30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d010108" +
    "300b0609608648016503040202a2030201300382010f003082010a0282010100",
);
const KEY_TAIL = fromHex("0203010001");

export interface IssuerKey {
  readonly encoded: Bytes;
  readonly modulus: bigint;
  readonly id: Bytes;
}

/** The challenge of a service (TOK-5). */
export function challenge(issuer: string, origin: string): Bytes {
  demand(isAuthority(issuer) && isAuthority(origin), "malformed", "not a host");
  const [name, info] = [utf8(issuer), utf8(origin)];
  return concat(TYPE, u16(name.length), name, u8(0), u16(info.length), info);
}

/** Read a key in its one encoding (TOK-21). */
export function decodeKey(encoded: Bytes): IssuerKey {
  const end = KEY_HEAD.length + MODULUS_BYTES;
  const framed = encoded.length === end + KEY_TAIL.length && equal(slice(encoded, 0, KEY_HEAD.length), KEY_HEAD);
  demand(framed && equal(slice(encoded, end), KEY_TAIL), "malformed", "not the key of an issuer");
  const modulus = toNumber(slice(encoded, KEY_HEAD.length, end));
  demand(modulus >> 2047n === 1n, "malformed", "a modulus of less than 2048 bits");
  return { encoded, modulus, id: sha256(encoded) };
}

export interface Pending {
  readonly key: IssuerKey;
  readonly input: Bytes;
  readonly blind: bigint;
  readonly request: Bytes;
}

/** Begin a token with everything given that is drawn otherwise. */
export function begin(key: IssuerKey, digest: Bytes, nonce: Bytes, salt: Bytes, blindBytes: Bytes): Pending {
  demand(
    digest.length === 32 && nonce.length === 32 && salt.length === SALT_BYTES,
    "malformed",
    "bytes of another length",
  );
  demand(blindBytes.length === MODULUS_BYTES, "malformed", "a blind of another length");
  const blind = toNumber(blindBytes);
  demand(
    blind > 0n && blind < key.modulus && inverse(blind, key.modulus) !== null,
    "malformed",
    "a blind without an inverse",
  );
  const input = concat(TYPE, nonce, digest, key.id);
  const message = toNumber(encodePss(input, salt));
  const blinded = (message * power(blind, EXPONENT, key.modulus)) % key.modulus;
  return { key, input, blind, request: concat(TYPE, slice(key.id, 31), toBytes(blinded)) };
}

/** Draw nonce, salt and blind afresh (TOK-8), and begin. */
export function drawn(key: IssuerKey, digest: Bytes, draws: Draws): Pending {
  const nonce = draws.draw("token.nonce", 32);
  const salt = draws.draw("token.salt", SALT_BYTES);
  for (;;) {
    const blind = draws.draw("token.blind", MODULUS_BYTES);
    const value = toNumber(blind);
    if (value < key.modulus && inverse(value, key.modulus) !== null) return begin(key, digest, nonce, salt, blind);
  }
}

/** Make a token of an answer, after it was verified (TOK-7). */
export function finish(pending: Pending, answer: Bytes): Bytes {
  demand(answer.length === MODULUS_BYTES, "malformed", "an answer of another length");
  const { modulus } = pending.key;
  const unblind = inverse(pending.blind, modulus);
  if (unblind === null) throw new Error("a blind without an inverse was kept");
  const signature = toBytes((toNumber(answer) * unblind) % modulus);
  demand(
    toNumber(answer) < modulus && signs(pending.key, pending.input, signature),
    "forged",
    "an answer that does not verify",
  );
  return concat(pending.input, signature);
}

/** Check what a service checks of a token (TOK-13); return its nonce. */
export function check(key: IssuerKey, digest: Bytes, token: Bytes): Bytes {
  demand(token.length === 354 && equal(slice(token, 0, 2), TYPE), "malformed", "not a token");
  demand(equal(slice(token, 34, 66), digest), "forged", "a token for another service");
  demand(equal(slice(token, 66, 98), key.id), "forged", "a token of another key");
  demand(signs(key, slice(token, 0, 98), slice(token, 98)), "forged", "a signature that does not verify");
  return slice(token, 2, 34);
}

/** Sign a request with the one key of these primes (9.3). */
export function sign(p: Bytes, q: Bytes, request: Bytes): Bytes {
  const [left, right] = [toNumber(p), toNumber(q)];
  const modulus = left * right;
  const id = sha256(concat(KEY_HEAD, toBytes(modulus), KEY_TAIL));
  demand(request.length === 259 && equal(slice(request, 0, 2), TYPE), "malformed", "not a token request");
  demand(request[2] === id[31], "refused", "a request for a key that does not issue"); // TOK-23
  const blinded = toNumber(slice(request, 3));
  demand(blinded < modulus, "malformed", "a number that is not below the modulus");
  const secret = inverse(EXPONENT, (left - 1n) * (right - 1n));
  if (secret === null) throw new Error("primes without a private exponent");
  return toBytes(power(blinded, secret, modulus));
}

function hash(...parts: readonly Uint8Array[]): Bytes {
  const state = createHash("sha384");
  for (const part of parts) state.update(part);
  return new Uint8Array(state.digest());
}

/** MGF1 with SHA-384. */
function mask(seed: Bytes, length: number): Bytes {
  const blocks = Array.from({ length: Math.ceil(length / HASH_BYTES) }, (_, block) =>
    hash(seed, u8(0), u8(0), u16(block)),
  );
  return slice(concat(...blocks), 0, length);
}

function xor(left: Bytes, right: Bytes): Bytes {
  return left.map((byte, at) => byte ^ (right[at] ?? 0));
}

/** EMSA-PSS-ENCODE (RFC 8017, section 9.1.1) to 2,047 bits. */
function encodePss(input: Bytes, salt: Bytes): Bytes {
  const digest = hash(bytes(8), hash(input), salt);
  const front = bytes(MODULUS_BYTES - HASH_BYTES - 1);
  front.set(concat(u8(1), salt), front.length - SALT_BYTES - 1);
  const masked = xor(front, mask(digest, front.length));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return concat(masked, digest, u8(0xbc));
}

/** RSASSA-PSS verification: EMSA-PSS-VERIFY (RFC 8017, section 9.1.2). */
function signs(key: IssuerKey, input: Bytes, signature: Bytes): boolean {
  const value = toNumber(signature);
  if (value >= key.modulus) return false;
  const encoded = toBytes(power(value, EXPONENT, key.modulus));
  const masked = slice(encoded, 0, MODULUS_BYTES - HASH_BYTES - 1);
  const digest = slice(encoded, masked.length, MODULUS_BYTES - 1);
  if (encoded[MODULUS_BYTES - 1] !== 0xbc || ((encoded[0] ?? 0) & 0x80) !== 0) return false;
  const front = xor(masked, mask(digest, masked.length));
  front[0] = (front[0] ?? 0) & 0x7f;
  const salt = slice(front, front.length - SALT_BYTES);
  const expected = bytes(front.length);
  expected.set(concat(u8(1), salt), front.length - SALT_BYTES - 1);
  return equal(front, expected) && equal(hash(bytes(8), hash(input), salt), digest);
}

function toNumber(source: Bytes): bigint {
  return BigInt(`0x${Buffer.from(source).toString("hex") || "0"}`);
}

function toBytes(value: bigint): Bytes {
  return fromHex(value.toString(16).padStart(2 * MODULUS_BYTES, "0"));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** The inverse of a number, or null where there is none (Euclid). */
function inverse(value: bigint, modulus: bigint): bigint | null {
  let [low, high, left, right] = [value % modulus, modulus, 1n, 0n];
  while (low > 0n) {
    const quotient = high / low;
    [low, high] = [high % low, low];
    [left, right] = [right - quotient * left, left];
  }
  if (high !== 1n) return null;
  return ((right % modulus) + modulus) % modulus;
}
