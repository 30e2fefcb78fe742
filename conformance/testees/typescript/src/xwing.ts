/**
 * Keys of X-Wing (4.5): the secret is a seed, and SHAKE256(seed, 96) is d ‖ z of ML-KEM and the X25519 private key.
 *
 * Making them, sealing and opening is the library's; the ratchet needs the X25519 part by itself.
 */

import { XWing } from "@hpke/hybridkem-x-wing";
import { shake256 } from "@noble/hashes/sha3.js";

import { type Bytes, slice } from "./bytes.js";
import { KEY_BYTES } from "./parameters.js";

/** The X25519 private key of a seed. */
export function hybridX25519(seed: Bytes): Bytes {
  return slice(shake256(seed, { dkLen: 96 }), 96 - KEY_BYTES);
}

/** The public key of a seed. */
export async function hybridPublic(seed: Bytes): Promise<Bytes> {
  const kem = new XWing();
  const pair = await kem.generateKeyPairDerand(new Uint8Array(seed));
  return new Uint8Array(await kem.serializePublicKey(pair.publicKey));
}
