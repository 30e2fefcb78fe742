/**
 * Addresses as their owner issues them and as a sender seals them (chapter 2), in both profiles.
 *
 *     two-layer/1  RDA = g ‖ seal(inner, root ‖ index ‖ hours), RDAS = RDA ‖ signature, SDA = g' ‖ seal(outer, RDAS)
 *     label/1      k_e = Expand(secret, epoch), label = HMAC(k_e, lane ‖ index), g' ‖ seal(outer, label ‖ ciphertext)
 *
 * Nothing here remembers which index was used (ADDR-10, ADDR-25): that is the caller's.
 */

import { type Bytes, concat, fromHex, plus, slice, type Uint, u8, u16, u32, utf8 } from "./bytes.js";
import { type Config, type Generation, newest } from "./config.js";
import type { Draws } from "./draws.js";
import { checkHour } from "./fields.js";
import { CLASSICAL, seal } from "./hpke.js";
import * as P from "./parameters.js";
import { hkdfExpand, hmac, sha256, sign } from "./primitives.js";
import { demand } from "./refusal.js";

const NOTHING = fromHex("");

/** What a seal is bound to (ADDR-3). */
export function sealInfo(
  label: Bytes,
  profile: number,
  generation: number,
  uri: string,
  bound: Bytes = NOTHING,
): Bytes {
  const name = utf8(uri);
  return concat(label, u8(0), u8(profile), u16(1), u8(generation), u16(name.length), name, bound);
}

export interface Issuing {
  readonly config: Config;
  readonly root: Bytes;
  readonly signingSeed: Bytes;
  readonly first: Uint;
  readonly count: Uint;
  readonly validUntilS: Uint;
}

/** Check that a date is a whole hour (ADDR-4) and not too far away (ADDR-29). */
export function checkLifetime(validUntilS: Uint, now: Uint): number {
  const date = checkHour(validUntilS);
  demand(date <= plus(now, P.LIFETIME_LONG_TERM_S_MAX), "limit", "an address that lives too long");
  return date;
}

/** Issue addresses of two-layer/1: one RDAS for each index from `first` on. */
export async function issue(of: Issuing, now: Uint, draws: Draws): Promise<Bytes[]> {
  demand(
    of.root.length === P.ROOT_BYTES && of.signingSeed.length === P.KEY_BYTES,
    "malformed",
    "a root or seed of another length",
  );
  const date = checkLifetime(of.validUntilS, now);
  demand(plus(of.first, of.count) <= P.INDEX_MAX + 1, "limit", "an index beyond the largest"); // ADDR-34
  const inner = newest(of.config.inner, now, date); // ADDR-9
  const addresses: Bytes[] = [];
  for (let index = Number(of.first); index < Number(of.first) + Number(of.count); index++) {
    const plaintext = concat(of.root, u32(index), u32(date / P.HOUR_S));
    const info = sealInfo(P.LABELS.inner, 1, inner.number, of.config.uri);
    const rda = concat(u8(inner.number), await seal(CLASSICAL, inner.key, info, plaintext, draws, "two-layer.inner"));
    addresses.push(concat(rda, sign(of.signingSeed, P.LABELS.address, rda))); // ADDR-7
  }
  return addresses;
}

export interface SealedTo {
  readonly uri: string;
  readonly outer: readonly Generation[];
}

/** Seal an RDAS afresh, bound to the ciphertext that travels with it (ADDR-11, ADDR-12). */
export async function diversify(to: SealedTo, rdas: Bytes, ciphertext: Bytes, now: Uint, draws: Draws): Promise<Bytes> {
  demand(rdas.length === P.RDAS_BYTES, "malformed", "an address of another length");
  const outer = newest(to.outer, now); // ADDR-30
  const info = sealInfo(P.LABELS.outer, 1, outer.number, to.uri, sha256(ciphertext));
  return concat(u8(outer.number), await seal(CLASSICAL, outer.key, info, rdas, draws, "two-layer.outer"));
}

/** Derive the key of an epoch (ADDR-18). */
export function epochKey(secret: Bytes, epoch: Uint): Bytes {
  demand(secret.length === P.KEY_BYTES, "malformed", "a secret of another length");
  demand(epoch <= P.EPOCH_MAX, "limit", "an epoch beyond the largest"); // ADDR-34
  return hkdfExpand(secret, concat(P.LABELS.epoch, u8(0), u32(Number(epoch))), P.KEY_BYTES);
}

/** Derive a label (ADDR-19). */
export function deriveLabel(key: Bytes, lane: Uint, index: Uint): Bytes {
  demand(key.length === P.KEY_BYTES, "malformed", "an epoch key of another length");
  demand(lane <= P.LANE_MAX && index <= P.INDEX_MAX, "limit", "a lane or an index beyond the largest"); // ADDR-34
  return slice(hmac(key, u16(Number(lane)), u32(Number(index))), 0, P.LABEL_BYTES);
}

/** Seal label and ciphertext together (ADDR-20). */
export async function sealLabelled(
  to: SealedTo,
  label: Bytes,
  ciphertext: Bytes,
  now: Uint,
  draws: Draws,
): Promise<Bytes> {
  demand(label.length === P.LABEL_BYTES, "malformed", "a label of another length");
  const outer = newest(to.outer, now); // ADDR-30
  const info = sealInfo(P.LABELS.seal, 2, outer.number, to.uri);
  return concat(
    u8(outer.number),
    await seal(CLASSICAL, outer.key, info, concat(label, ciphertext), draws, "label.seal"),
  );
}
