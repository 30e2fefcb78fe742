/**
 * Openings: what A puts before each message until the first reply (4.3, 4.5, 12.6).
 *
 *     opening = name of the package, or 8 × 0x00 ‖ time (16) ‖ identity of A (128) ‖ E_A (32) [‖ secret (32)]
 *     sealed  = seal(P_B, label ‖ 0x00 ‖ suite ‖ SHA-256(message) [‖ SHA-256(restart key)], opening)
 *
 * In suite 2 it is sealed with X-Wing to the whole prekey; in a restart of either suite with X25519 to I_B.
 */

import { bytes, type Bytes, concat, readUint, slice, u16, u64, u8, type Uint } from "./bytes.js";
import type { Suite } from "./agreement.js";
import type { Draws } from "./draws.js";
import { CLASSICAL, HYBRID, open, seal } from "./hpke.js";
import { checkIdentity } from "./identity.js";
import * as P from "./parameters.js";
import { sha256 } from "./primitives.js";
import { demand } from "./refusal.js";

export interface Opening {
  readonly front: Bytes;
  readonly identity: Bytes;
  readonly ephemeral: Bytes;
  readonly secret: Bytes;
}

/** To whom openings of a session are sealed, and how. */
export interface Door {
  readonly suite: Suite;
  /** Of a restart, null in suite 1; undefined where the session begins with a package. */
  readonly restart: { readonly key: Bytes | null } | null;
}

/** The kind of HPKE of a door, and how long a sealed opening is there. */
export function sealOf(door: Door): { readonly by: typeof CLASSICAL; readonly length: number } {
  const hybrid = door.suite === 2 && door.restart === null;
  return hybrid
    ? { by: HYBRID, length: P.HYBRID_OPENING_SEALED_BYTES }
    : { by: CLASSICAL, length: P.OPENING_SEALED_BYTES };
}

function infoOf(door: Door, message: Bytes): Bytes {
  const restart = door.restart?.key ?? null;
  const bound = restart === null ? bytes(0) : sha256(restart); // PORT-28
  return concat(P.LABELS.opening, u8(0), u16(door.suite), sha256(message), bound);
}

/** The front of an opening of RESYNC: its time. */
export function timeFront(time: Uint): Bytes {
  return concat(bytes(8), u64(time));
}

/** The time that a front of RESYNC says; forged where it is the name of a package. */
export function timeOf(opening: Opening): Uint {
  demand(
    opening.front.slice(0, 8).every((byte) => byte === 0),
    "forged",
    "an opening of another kind",
  );
  return readUint(opening.front, 8, 8);
}

/** Seal an opening afresh, bound to the message that follows it (SES-9). */
export async function sealOpening(
  door: Door,
  key: Bytes,
  opening: Opening,
  message: Bytes,
  draws: Draws,
): Promise<Bytes> {
  const plaintext = concat(opening.front, opening.identity, opening.ephemeral, opening.secret);
  return seal(sealOf(door).by, key, infoOf(door, message), plaintext, draws, "opening.seal");
}

/** Split a first ciphertext and open its opening; forged where it is not one for this door (SES-32). */
export async function openOpening(
  door: Door,
  secret: Bytes,
  ciphertext: Bytes,
): Promise<{ opening: Opening; message: Bytes }> {
  const { by, length } = sealOf(door);
  const message = slice(ciphertext, length);
  const plaintext = await open(by, secret, infoOf(door, message), slice(ciphertext, 0, length));
  const identity = slice(plaintext, P.PACKAGE_ID_BYTES, P.PACKAGE_ID_BYTES + P.IDENTITY_BYTES);
  checkIdentity(identity); // SES-2
  const opening = {
    front: slice(plaintext, 0, P.PACKAGE_ID_BYTES),
    identity,
    ephemeral: slice(plaintext, P.OPENING_BYTES - 32, P.OPENING_BYTES),
    secret: slice(plaintext, P.OPENING_BYTES),
  };
  return { opening, message };
}
