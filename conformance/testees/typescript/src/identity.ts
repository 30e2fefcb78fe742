/**
 * Identities (4.1), key packages (4.2, 4.5) and fingerprints (14.1).
 *
 * The public form of an identity is signing key ‖ agreement key ‖ binding; a package carries one and a prekey.
 */

import { sha512 } from "@noble/hashes/sha2.js";

import { type Bytes, compare, concat, plus, readNumber, slice, type Uint } from "./bytes.js";
import { decode, encode, type Value } from "./cbor.js";
import { blob, bool, exactly, number, type Read, record } from "./fields.js";
import * as P from "./parameters.js";
import { type KeyPair, publicKey, sha256, sign, verifies, verifyKey } from "./primitives.js";
import { demand } from "./refusal.js";

export interface Identity {
  readonly signingSeed: Bytes;
  readonly agreement: KeyPair;
  /** 128 bytes: signing key ‖ agreement key ‖ binding. */
  readonly public: Bytes;
}

export function identityOf(signingSeed: Bytes, agreementSecret: Bytes): Identity {
  const agreement = { secret: agreementSecret, public: publicKey(agreementSecret) };
  const binding = sign(signingSeed, P.LABELS.binding, agreement.public);
  return { signingSeed, agreement, public: concat(verifyKey(signingSeed), agreement.public, binding) };
}

/** Check the public form of an identity (SES-2). */
export function checkIdentity(identity: Bytes): Bytes {
  demand(identity.length === P.IDENTITY_BYTES, "malformed", "an identity of another length");
  const bound = verifies(signingKeyOf(identity), P.LABELS.binding, agreementKeyOf(identity), slice(identity, 64));
  demand(bound, "forged", "the binding does not verify"); // SES-2
  return identity;
}

export function signingKeyOf(identity: Bytes): Bytes {
  return slice(identity, 0, 32);
}

export function agreementKeyOf(identity: Bytes): Bytes {
  return slice(identity, 32, 64);
}

export interface Package {
  readonly suite: 1 | 2;
  readonly identity: Bytes;
  readonly prekey: Bytes;
  readonly fromS: Uint;
  readonly untilS: Uint;
  readonly encoded: Bytes;
  /** Its first 16 bytes of SHA-256 (4.2). */
  readonly name: Bytes;
}

const PREKEY_BYTES = { 1: P.KEY_BYTES, 2: P.HYBRID_PUBLIC_BYTES } as const;

/** The X25519 part of a prekey: all of it in suite 1, its end in suite 2. */
export function classicalPart(prekey: Bytes): Bytes {
  return slice(prekey, prekey.length - 32);
}

/** Read the fields of a package of one suite; what it says is not checked yet. */
export function readPackage(suite: 1 | 2): Read<Package> {
  return (value) => {
    const fields = record(value, 10);
    fields.read(0, exactly(1)); // ENV-5
    fields.read(1, exactly(suite)); // ENV-5
    const identity = concat(fields.read(2, blob(32)), fields.read(3, blob(32)), fields.read(4, blob(64)));
    const prekey = fields.read(5, blob(PREKEY_BYTES[suite]));
    fields.read(8, bool);
    fields.read(9, blob(64));
    const encoded = encode(value);
    const name = sha256(encoded).slice(0, P.PACKAGE_ID_BYTES);
    return { suite, identity, prekey, fromS: fields.read(6, number), untilS: fields.read(7, number), encoded, name };
  };
}

/** Check what a package says: its lifetime, prekey, signature, binding and dates. */
export function checkPackage(of: Package, now: Uint): Package {
  demand(of.untilS <= plus(of.fromS, P.PACKAGE_LIFETIME_S_MAX), "malformed", "a package that lives too long"); // SES-22
  if (of.suite === 2) demand(isReduced(of.prekey), "malformed", "no encapsulation key of ML-KEM-768"); // SES-29
  const fields = new Map(decode(of.encoded) as ReadonlyMap<number, Value>);
  const signature = fields.get(9) as Bytes;
  fields.delete(9);
  const signed = verifies(signingKeyOf(of.identity), P.LABELS.package, encode(fields), signature);
  demand(signed, "forged", "the signature of a package does not verify"); // SES-4
  checkIdentity(of.identity);
  demand(of.fromS <= now && now < of.untilS, "expired", "a package that is not valid now"); // SES-5
  return of;
}

export function decodePackage(encoded: Bytes, suite: 1 | 2, now: Uint): Package {
  return checkPackage(readPackage(suite)(decode(encoded)), now);
}

/** Make a package of an identity (4.2). */
export function makePackage(suite: 1 | 2, identity: Identity, prekey: Bytes, fromS: Uint, untilS: Uint): Bytes {
  const fields = new Map<number, Value>([
    [0, 1],
    [1, suite],
    [2, signingKeyOf(identity.public)],
    [3, agreementKeyOf(identity.public)],
    [4, slice(identity.public, 64)],
    [5, prekey],
    [6, fromS],
    [7, untilS],
    [8, false],
  ]);
  return encode(fields.set(9, sign(identity.signingSeed, P.LABELS.package, encode(fields))));
}

/** FIPS 203, section 7.2: each of the 768 coefficients of an encapsulation key is below 3,329. */
function isReduced(prekey: Bytes): boolean {
  for (let at = 0; at < 1_152; at += 3) {
    const three = readNumber(prekey, at, 3);
    const [first, second, third] = [three >> 16, (three >> 8) & 0xff, three & 0xff];
    if ((first | ((second & 15) << 8)) >= 3_329 || ((second >> 4) | (third << 4)) >= 3_329) return false;
  }
  return true;
}

/** Twelve groups of five digits over both identities, the same on both sides (SEC-6). */
export function fingerprint(own: Bytes, peer: Bytes): string[] {
  const both = [checkIdentity(own), checkIdentity(peer)].sort(compare);
  const digest = sha512(concat(...both));
  return Array.from({ length: 12 }, (_, group) => String(readNumber(digest, group * 5, 5) % 100_000).padStart(5, "0"));
}
