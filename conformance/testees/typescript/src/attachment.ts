/**
 * Encryption of attachments (10.1): length ‖ file ‖ zeros, cut into a power of two of chunks of one length.
 *
 * A chunk is bound to its place, to being the last, and to their number, so that none can be moved, left out or added.
 */

import { createHash } from "node:crypto";

import { bytes, type Bytes, concat, equal, readUint, slice, type Uint, u32, u64, u8 } from "./bytes.js";
import { LABELS } from "./parameters.js";
import { aeadOpen, aeadSeal } from "./primitives.js";
import { demand } from "./refusal.js";

const CHUNK_BYTES = 65_536;
const PLAIN_BYTES = 65_520;
const CHUNKS_MAX = 1_024;
const LENGTH_BYTES = 8;

/** How many chunks a file of a length needs: the smallest power of two that is enough (ATT-4). */
export function chunksOf(length: Uint): number {
  let count = 1;
  while (count <= CHUNKS_MAX && length > count * PLAIN_BYTES - LENGTH_BYTES) count *= 2;
  demand(count <= CHUNKS_MAX, "too-large", "a file that does not fit");
  return count;
}

function sealChunk(key: Bytes, plain: Bytes, index: number, count: number, last: boolean): Bytes {
  return aeadSeal(key, nonceOf(index, last), plain, concat(LABELS.attachment, u8(0), u32(count))); // ATT-1
}

function nonceOf(index: number, last: boolean): Bytes {
  return concat(bytes(7), u32(index), u8(last ? 1 : 0));
}

/** Encrypt a file of `length` bytes that begins with `front`, zeros following. */
export function encryptFile(key: Bytes, front: Bytes, length: number): Bytes[] {
  const count = chunksOf(length);
  demand(front.length <= length, "malformed", "more bytes than the file has");
  const whole = bytes(count * PLAIN_BYTES);
  whole.set(u64(length));
  whole.set(front, LENGTH_BYTES);
  const plains = Array.from({ length: count }, (_, index) =>
    slice(whole, index * PLAIN_BYTES, (index + 1) * PLAIN_BYTES),
  );
  return plains.map((plain, index) => sealChunk(key, plain, index, count, index === count - 1));
}

/** Seal chunks as of `count`, each filled with zeros, the one at `last` as the last. */
export function sealChunks(key: Bytes, fronts: readonly Bytes[], count: number, last: number): Bytes[] {
  return fronts.map((front, index) => {
    demand(front.length <= PLAIN_BYTES, "malformed", "more bytes than a chunk has");
    const plain = bytes(PLAIN_BYTES);
    plain.set(front);
    return sealChunk(key, plain, index, count, index === last);
  });
}

export function digestOf(chunks: readonly Bytes[]): Bytes {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return new Uint8Array(hash.digest());
}

/** Decrypt an attachment of a stated length, or refuse it as a whole (ATT-2). Return the SHA-256 of the file. */
export function decryptFile(key: Bytes, chunks: readonly Bytes[], length: Uint, digest: Bytes | null): Bytes {
  demand(key.length === 32, "malformed", "a key of another length");
  const needed = chunksOf(length); // ATT-4
  demand(digest === null || equal(digest, digestOf(chunks)), "forged", "another digest"); // ATT-2
  demand(chunks.length === needed, "forged", "another number of chunks"); // ATT-2
  const plains = chunks.map((chunk, index) => {
    demand(chunk.length === CHUNK_BYTES, "forged", "a chunk of another length");
    const bound = concat(LABELS.attachment, u8(0), u32(chunks.length));
    const plain = aeadOpen(key, nonceOf(index, index === chunks.length - 1), chunk, bound);
    demand(plain !== null, "forged", "a chunk that does not authenticate"); // ATT-2
    return plain;
  });
  const whole = concat(...plains);
  demand(readUint(whole, 0, LENGTH_BYTES) === length, "forged", "another length inside"); // ATT-11
  const end = LENGTH_BYTES + Number(length);
  demand(
    whole.subarray(end).every((byte) => byte === 0),
    "forged",
    "padding that is not zeros",
  ); // ATT-2
  return digestOf([slice(whole, LENGTH_BYTES, end)]);
}
