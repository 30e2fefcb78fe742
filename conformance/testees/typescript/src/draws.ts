/**
 * Randomness: every draw has a label, and follows from the seed of the request, the label, and how many draws of the
 * label came before in the request. So a program under test is compared byte for byte.
 */

import { ascii, bytes, type Bytes, concat, u8, u32, u64 } from "./bytes.js";
import { deriveKeyPair, hmac, type KeyPair } from "./primitives.js";

export class Draws {
  readonly #before = new Map<string, number>();

  constructor(private readonly seed: Uint8Array) {}

  /** Return bytes: B(0) ‖ B(1) ‖ … with B(j) = HMAC(seed, "draw" ‖ 0 ‖ label ‖ 0 ‖ before (u64) ‖ j (u32)). */
  draw(label: string, length: number): Bytes {
    const before = this.#before.get(label) ?? 0;
    this.#before.set(label, before + 1);
    const prefix = concat(ascii("draw"), u8(0), ascii(label), u8(0), u64(before));
    const blocks: Bytes[] = [];
    for (let block = 0; block * 32 < length; block++) blocks.push(hmac(this.seed, prefix, u32(block)));
    return blocks.length ? concat(...blocks).slice(0, length) : bytes(0);
  }

  /** Return a key pair of X25519, derived from 32 drawn bytes. */
  keyPair(label: string): KeyPair {
    return deriveKeyPair(this.draw(label, 32));
  }
}
