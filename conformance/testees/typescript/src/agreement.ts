/**
 * Key agreement in suites 1 and 2 (4.3, 4.5), and its form after a restored backup (12.6).
 *
 *     root ‖ header key of A ‖ next header key of B [‖ restart key] =
 *         HKDF(32 × 0x00, 32 × 0xff ‖ DH1 ‖ DH2 ‖ DH3 [‖ extra], label ‖ 0x00 ‖ suite)
 *     AD = SHA-256(label ‖ 0x00 ‖ suite ‖ identity of A ‖ identity of B [‖ SHA-256(package)])
 *
 * `extra` is the secret of the opening in suite 2, and the restart key in a restart of suite 2 (PORT-28).
 */

import { bytes, type Bytes, concat, slice, u16, u8 } from "./bytes.js";
import { agreementKeyOf, classicalPart, type Identity, type Package } from "./identity.js";
import { LABELS } from "./parameters.js";
import { agree, hkdf, type KeyPair, sha256 } from "./primitives.js";

export type Suite = 1 | 2;

/** What both ends know of an agreement beside the Diffie-Hellman results. */
export interface Terms {
  readonly label: Bytes;
  readonly suite: Suite;
  readonly extra: Bytes;
  /** Encoding of the package that AD names, in suite 2. */
  readonly named: Bytes | null;
}

export interface Secrets {
  readonly root: Bytes;
  readonly headerOfA: Bytes;
  readonly nextHeaderOfB: Bytes;
  readonly restartKey: Bytes | null;
  readonly associated: Bytes;
}

export function termsOf(of: Package, secret: Bytes): Terms {
  return { label: LABELS.agreement, suite: of.suite, extra: secret, named: of.suite === 2 ? of.encoded : null };
}

export function restartTerms(suite: Suite, restartKey: Bytes): Terms {
  return { label: LABELS.resync, suite, extra: restartKey, named: null }; // PORT-19, PORT-28
}

/** As A: with the identity of B and its prekey, or I_B in a restart. */
export function agreeAsA(terms: Terms, own: Identity, ephemeral: KeyPair, peer: Bytes, prekey: Bytes): Secrets {
  const last = classicalPart(prekey);
  return derive(terms, own.public, peer, [
    agree(own.agreement.secret, last, "forged"), // SES-21
    agree(ephemeral.secret, agreementKeyOf(peer), "forged"),
    agree(ephemeral.secret, last, "forged"),
  ]);
}

/** As B: with the identity of A and E_A. */
export function agreeAsB(terms: Terms, own: Identity, prekeySecret: Bytes, peer: Bytes, ephemeral: Bytes): Secrets {
  return derive(terms, peer, own.public, [
    agree(prekeySecret, agreementKeyOf(peer), "forged"), // SES-21
    agree(own.agreement.secret, ephemeral, "forged"),
    agree(prekeySecret, ephemeral, "forged"),
  ]);
}

function derive(terms: Terms, identityOfA: Bytes, identityOfB: Bytes, results: readonly Bytes[]): Secrets {
  const info = concat(terms.label, u8(0), u16(terms.suite));
  const secret = concat(bytes(32).fill(0xff), ...results, terms.extra);
  const out = hkdf(bytes(32), secret, info, 128); // SES-7, SES-30: what suite 1 does not use is never read
  const named = terms.named === null ? bytes(0) : sha256(terms.named);
  return {
    root: slice(out, 0, 32),
    headerOfA: slice(out, 32, 64),
    nextHeaderOfB: slice(out, 64, 96),
    restartKey: terms.suite === 2 ? slice(out, 96) : null,
    associated: sha256(info, identityOfA, identityOfB, named), // SES-8
  };
}
