/**
 * HPKE (RFC 9180) in base mode, single shot, with empty associated data: `enc ‖ ciphertext ‖ tag` (2.1), by @hpke.
 *
 * Suite 1 seals to X25519; openings of suite 2 are sealed to X-Wing (4.5). Whatever does not open is forged, a
 * Diffie-Hellman result of zeros included (SES-21); a key that nobody can seal to is malformed.
 */

import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";

import { type Bytes, concat, slice } from "./bytes.js";
import type { Draws } from "./draws.js";
import { HYBRID_ENCAPSULATED_BYTES, HYBRID_PUBLIC_BYTES } from "./parameters.js";
import { agree } from "./primitives.js";
import { demand, Refusal } from "./refusal.js";

interface Kind {
  readonly suite: CipherSuite;
  readonly publicBytes: number;
  readonly encapsulatedBytes: number;
  readonly drawnBytes: number;
}

function kind(
  kem: DhkemX25519HkdfSha256 | XWing,
  publicBytes: number,
  encapsulatedBytes: number,
  drawnBytes: number,
): Kind {
  const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
  return { suite, publicBytes, encapsulatedBytes, drawnBytes };
}

export const CLASSICAL = kind(new DhkemX25519HkdfSha256(), 32, 32, 32);
export const HYBRID = kind(new XWing(), HYBRID_PUBLIC_BYTES, HYBRID_ENCAPSULATED_BYTES, 64);

/** Seal to a public key; what is random comes from the draw of that label. */
export async function seal(
  by: Kind,
  key: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
  draws: Draws,
  label: string,
): Promise<Bytes> {
  demand(key.length === by.publicBytes, "malformed", "a public key of another length");
  const material = draws.draw(label, by.drawnBytes);
  try {
    const recipientPublicKey = await by.suite.kem.deserializePublicKey(exact(key));
    const sender = await by.suite.createSenderContext({ recipientPublicKey, info: exact(info), ekm: exact(material) });
    const sealed = await sender.seal(exact(plaintext));
    return concat(new Uint8Array(sender.enc), new Uint8Array(sealed));
  } catch (error) {
    // SES-21: a key that agrees on zeros cannot be sealed to
    throw new Refusal("malformed", `sealing: ${String(error)}`);
  }
}

/** Open what was sealed to the public key of a secret; `forged` if it was not, `malformed` if it is too short. */
export async function open(by: Kind, secret: Uint8Array, info: Uint8Array, sealed: Uint8Array): Promise<Bytes> {
  demand(sealed.length >= by.encapsulatedBytes + 16, "malformed", "shorter than a seal");
  const enc = slice(sealed, 0, by.encapsulatedBytes);
  if (by === HYBRID) agree(secret, slice(enc, HYBRID_ENCAPSULATED_BYTES - 32), "forged"); // SES-21: here, too
  try {
    const recipientKey = await by.suite.kem.deserializePrivateKey(exact(secret));
    const recipient = await by.suite.createRecipientContext({ recipientKey, enc: exact(enc), info: exact(info) });
    return new Uint8Array(await recipient.open(exact(slice(sealed, by.encapsulatedBytes))));
  } catch (error) {
    throw new Refusal("forged", `opening: ${String(error)}`);
  }
}

/** The libraries take buffers as wholes: give each one of its own. */
function exact(value: Uint8Array): ArrayBuffer {
  return new Uint8Array(value).buffer;
}
