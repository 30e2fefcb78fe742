/**
 * The primitives of suite 1, from @noble: X25519, Ed25519, ChaCha20-Poly1305, SHA-256, HMAC and HKDF.
 *
 * Whoever agrees on zeros agreed with nobody (SES-21); the class depends on the place, so the caller names it.
 */

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

import { ascii, type Bytes, concat, u8, u16 } from "./bytes.js";
import { type ErrorClass, Refusal } from "./refusal.js";

export interface KeyPair {
  readonly secret: Bytes;
  readonly public: Bytes;
}

export function sha256(...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(nobleSha256(concat(...parts)));
}

export function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(nobleHmac(nobleSha256, key, concat(...parts)));
}

export function hkdf(salt: Uint8Array, secret: Uint8Array, info: Uint8Array, length: number): Bytes {
  return hkdfExpand(extract(nobleSha256, secret, salt), info, length);
}

export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Bytes {
  return new Uint8Array(expand(nobleSha256, key, info, length));
}

/** Return the public key of an X25519 secret. */
export function publicKey(secret: Uint8Array): Bytes {
  return new Uint8Array(x25519.getPublicKey(secret));
}

/** X25519. A result of zeros is refused with the class of the place (SES-21). */
export function agree(secret: Uint8Array, peer: Uint8Array, zeros: ErrorClass): Bytes {
  try {
    return new Uint8Array(x25519.getSharedSecret(secret, peer)); // noble throws when the result is zero
  } catch {
    throw new Refusal(zeros, "a Diffie-Hellman result of zeros");
  }
}

/** Return the verifying key of an Ed25519 seed. */
export function verifyKey(seed: Uint8Array): Bytes {
  return new Uint8Array(ed25519.getPublicKey(seed));
}

/** Sign label ‖ 0x00 ‖ message (SES-3). */
export function sign(seed: Uint8Array, label: Uint8Array, message: Uint8Array): Bytes {
  return new Uint8Array(ed25519.sign(concat(label, u8(0), message), seed));
}

/** Tell whether a signature over label ‖ 0x00 ‖ message verifies. */
export function verifies(key: Uint8Array, label: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, concat(label, u8(0), message), key, { zip215: false });
  } catch {
    return false;
  }
}

export function aeadSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, bound: Uint8Array): Bytes {
  return new Uint8Array(chacha20poly1305(key, nonce, bound).encrypt(plaintext));
}

/** Return the plaintext, or null where the tag does not fit. */
export function aeadOpen(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, bound: Uint8Array): Bytes | null {
  try {
    return new Uint8Array(chacha20poly1305(key, nonce, bound).decrypt(sealed));
  } catch {
    return null;
  }
}

/** DeriveKeyPair of DHKEM(X25519, HKDF-SHA256), RFC 9180 section 7.1.3, from 32 drawn bytes. */
export function deriveKeyPair(material: Uint8Array): KeyPair {
  const suite = concat(ascii("KEM"), u16(0x0020));
  const key = extract(nobleSha256, concat(ascii("HPKE-v1"), suite, ascii("dkp_prk"), material), new Uint8Array(0));
  const secret = hkdfExpand(key, concat(u16(32), ascii("HPKE-v1"), suite, ascii("sk")), 32);
  return { secret, public: publicKey(secret) };
}
