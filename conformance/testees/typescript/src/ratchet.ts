/**
 * The Double Ratchet with header encryption (4.4), as plain data and three functions.
 *
 * Each message has a key of its own, found by trial: which header key opens its header says of which chain it is. A
 * state is never changed in place: `encrypt` and `decrypt` return the next one, so that a message that fails changes
 * nothing (SES-16), and whoever keeps states on a disk does so before a byte leaves (SES-15).
 *
 *     header opens under        the message is
 *     the key of an old chain   of that chain: its key was kept, or it is a replay
 *     the current header key    of this chain: kept, replayed, or ahead of all
 *     the next header key       the first that is seen after the peer turned: so do we
 */

import { type Bytes, concat, equal, readNumber, slice, u8, u32 } from "./bytes.js";
import type { Draws } from "./draws.js";
import * as P from "./parameters.js";
import { aeadOpen, aeadSeal, agree, hkdf, hmac, type KeyPair } from "./primitives.js";
import { demand, Refusal } from "./refusal.js";

/** A receiving chain of which keys are kept, by number. */
export interface Chain {
  readonly headerKey: Bytes;
  readonly keys: ReadonlyMap<number, Bytes>;
  /** All below were read or are kept, or were dropped: a message of another number does not exist. */
  readonly end: number;
}

export interface Ratchet {
  readonly root: Bytes;
  readonly own: KeyPair;
  readonly sending: Bytes | null;
  readonly sendingHeader: Bytes | null;
  readonly nextSendingHeader: Bytes;
  readonly receiving: Bytes | null;
  readonly receivingHeader: Bytes | null;
  readonly nextReceivingHeader: Bytes;
  readonly sent: number;
  readonly received: number;
  readonly previous: number;
  /** The oldest first; the current one is the last, where keys of it are kept. */
  readonly kept: readonly Chain[];
}

interface Header {
  readonly key: Bytes;
  readonly previous: number;
  readonly number: number;
}

const ZERO_NONCE = new Uint8Array(12);

/** Return the three parts of KDF_RK (SES-13). */
function turnRoot(root: Bytes, shared: Bytes): readonly [Bytes, Bytes, Bytes] {
  const out = hkdf(root, shared, P.LABELS.ratchetRoot, 96);
  return [slice(out, 0, 32), slice(out, 32, 64), slice(out, 64)];
}

/** Begin as A: `headerKey` seals A's headers, `nextHeaderKey` will seal B's first. */
export function initiate(root: Bytes, headerKey: Bytes, nextHeaderKey: Bytes, peer: Bytes, draws: Draws): Ratchet {
  const own = draws.keyPair("ratchet.key");
  const [turned, sending, nextSendingHeader] = turnRoot(root, agree(own.secret, peer, "malformed"));
  return {
    root: turned,
    own,
    sending,
    sendingHeader: headerKey,
    nextSendingHeader,
    receiving: null,
    receivingHeader: null,
    nextReceivingHeader: nextHeaderKey,
    sent: 0,
    received: 0,
    previous: 0,
    kept: [],
  };
}

/** Begin as B, whose first ratchet key is given; there is no sending chain until a message of A has come (SES-17). */
export function respond(root: Bytes, headerKey: Bytes, nextHeaderKey: Bytes, own: KeyPair): Ratchet {
  return {
    root,
    own,
    sending: null,
    sendingHeader: null,
    nextSendingHeader: nextHeaderKey,
    receiving: null,
    receivingHeader: null,
    nextReceivingHeader: headerKey,
    sent: 0,
    received: 0,
    previous: 0,
    kept: [],
  };
}

function messageKey(chain: Bytes): Bytes {
  return hmac(chain, u8(1));
}

function nextChain(chain: Bytes): Bytes {
  return hmac(chain, u8(2));
}

function bodyKey(key: Bytes, salt: Bytes): Bytes {
  return hmac(key, P.LABELS.ratchetMessage, u8(0), salt);
}

/** Encrypt; refused before a sending chain exists (SES-17). Return the next state and the message (SES-12). */
export function encrypt(state: Ratchet, plaintext: Bytes, associated: Bytes, draws: Draws): [Ratchet, Bytes] {
  const { sending, sendingHeader } = state;
  demand(sending !== null && sendingHeader !== null, "refused", "nothing of the peer has arrived"); // SES-17
  const salt = draws.draw("ratchet.salt", P.SALT_BYTES); // SES-14
  const header = concat(state.own.public, u32(state.previous), u32(state.sent));
  const sealedHeader = aeadSeal(sendingHeader, salt.slice(0, 12), header, associated);
  const bound = concat(associated, salt, sealedHeader);
  const body = aeadSeal(bodyKey(messageKey(sending), salt), ZERO_NONCE, plaintext, bound);
  return [lose(state, 1), concat(salt, sealedHeader, body)];
}

/** Step over messages that nobody gets. */
export function lose(state: Ratchet, count: number): Ratchet {
  demand(state.sending !== null, "refused", "nothing of the peer has arrived"); // SES-17
  let chain = state.sending;
  for (let step = 0; step < count; step++) chain = nextChain(chain);
  return { ...state, sending: chain, sent: state.sent + count };
}

/** Decrypt. Return the next state and the plaintext, or refuse and leave everything as it was (SES-16). */
export function decrypt(state: Ratchet, message: Bytes, associated: Bytes, draws: Draws): [Ratchet, Bytes] {
  demand(message.length >= P.RATCHET_OVERHEAD_BYTES, "malformed", "shorter than a message"); // SES-12
  const opened = (key: Bytes | null): Header | null => (key === null ? null : openHeader(key, message, associated));
  for (const chain of state.kept) {
    if (isCurrent(state, chain)) continue;
    const header = opened(chain.headerKey);
    if (header !== null) return readKept(state, chain, header.number, message, associated);
  }
  const current = opened(state.receivingHeader);
  if (current !== null) return readCurrent(state, current.number, message, associated);
  const next = opened(state.nextReceivingHeader);
  demand(next !== null, "forged", "no key opens the header");
  return readTurn(state, next, message, associated, draws);
}

/** Tell whether a header key that is held opens the header of a message. */
export function isOf(state: Ratchet, message: Bytes, associated: Bytes): boolean {
  if (message.length < P.RATCHET_OVERHEAD_BYTES) return false;
  const keys = [...state.kept.map((chain) => chain.headerKey), state.receivingHeader, state.nextReceivingHeader];
  return keys.some((key) => key !== null && openHeader(key, message, associated) !== null);
}

function isCurrent(state: Ratchet, chain: Chain): boolean {
  return state.receivingHeader !== null && equal(chain.headerKey, state.receivingHeader);
}

function openHeader(key: Bytes, message: Bytes, associated: Bytes): Header | null {
  const sealed = slice(message, P.SALT_BYTES, P.SALT_BYTES + P.HEADER_SEALED_BYTES);
  const header = aeadOpen(key, slice(message, 0, 12), sealed, associated);
  if (header === null) return null;
  return { key: slice(header, 0, 32), previous: readNumber(header, 32, 4), number: readNumber(header, 36, 4) };
}

function openBody(key: Bytes, message: Bytes, associated: Bytes): Bytes {
  const salt = slice(message, 0, P.SALT_BYTES);
  const front = slice(message, 0, P.SALT_BYTES + P.HEADER_SEALED_BYTES);
  const plaintext = aeadOpen(bodyKey(key, salt), ZERO_NONCE, slice(message, front.length), concat(associated, front));
  demand(plaintext !== null, "forged", "the body does not authenticate");
  return plaintext;
}

function readKept(state: Ratchet, chain: Chain, number: number, message: Bytes, associated: Bytes): [Ratchet, Bytes] {
  demand(number < chain.end, "forged", "a message that this chain does not have");
  const key = chain.keys.get(number);
  demand(key !== undefined, "replayed", "read before, or its key was dropped"); // SES-20
  const plaintext = openBody(key, message, associated);
  const keys = new Map(chain.keys);
  keys.delete(number); // SES-20
  const kept = state.kept
    .map((one) => (equal(one.headerKey, chain.headerKey) ? { ...chain, keys } : one))
    .filter((one) => one.keys.size > 0);
  return [{ ...state, kept }, plaintext];
}

function readCurrent(state: Ratchet, number: number, message: Bytes, associated: Bytes): [Ratchet, Bytes] {
  if (number < state.received) {
    const chain = state.kept.find((one) => isCurrent(state, one));
    demand(chain !== undefined, "replayed", "read before, or its key was dropped"); // SES-20
    return readKept(state, { ...chain, end: state.received }, number, message, associated);
  }
  return readAhead(state, number, message, associated);
}

/** Read the message of a number that is still to come in the current chain, and keep the keys of those before it. */
function readAhead(state: Ratchet, number: number, message: Bytes, associated: Bytes): [Ratchet, Bytes] {
  const skipped = skip(state, number);
  demand(skipped.receiving !== null, "forged", "there is no receiving chain");
  const plaintext = openBody(messageKey(skipped.receiving), message, associated);
  return [limited({ ...skipped, receiving: nextChain(skipped.receiving), received: number + 1 }), plaintext];
}

/** Turn the ratchet: finish the old chain, agree anew on both sides, and read in the new chain. */
function readTurn(state: Ratchet, header: Header, message: Bytes, associated: Bytes, draws: Draws): [Ratchet, Bytes] {
  const finished = state.receiving === null ? state : skip(state, header.previous);
  demand(header.number <= P.SKIP_MAX, "limit", "too many messages are skipped"); // SES-18
  const first = turnRoot(finished.root, agree(finished.own.secret, header.key, "malformed")); // SES-21
  const own = draws.keyPair("ratchet.key");
  const second = turnRoot(first[0], agree(own.secret, header.key, "malformed"));
  const turned: Ratchet = {
    root: second[0],
    own,
    sending: second[1],
    sendingHeader: finished.nextSendingHeader,
    nextSendingHeader: second[2],
    receiving: first[1],
    receivingHeader: finished.nextReceivingHeader,
    nextReceivingHeader: first[2],
    sent: 0,
    received: 0,
    previous: finished.sent,
    kept: finished.kept.map((one) => ended(finished, one)),
  };
  return readAhead(turned, header.number, message, associated);
}

/** What was the current chain ends where its last message is known to be. */
function ended(finished: Ratchet, chain: Chain): Chain {
  return isCurrent(finished, chain) ? { ...chain, end: finished.received } : chain;
}

/** Keep the keys of the current chain up to a number; refused where that is too many (SES-18). */
function skip(state: Ratchet, until: number): Ratchet {
  demand(until - state.received <= P.SKIP_MAX, "limit", "too many messages are skipped"); // SES-18
  if (state.receiving === null || state.receivingHeader === null || until <= state.received) return state;
  const headerKey = state.receivingHeader;
  const keys = new Map(state.kept.find((one) => isCurrent(state, one))?.keys);
  let chain = state.receiving;
  for (let number = state.received; number < until; number++) {
    keys.set(number, messageKey(chain));
    chain = nextChain(chain);
  }
  const kept = [...state.kept.filter((one) => !isCurrent(state, one)), { headerKey, keys, end: until }];
  return { ...state, receiving: chain, received: until, kept };
}

/** Drop the oldest of what is kept beyond the limits (SES-19): of the oldest chain, and in it the lowest numbers. */
function limited(state: Ratchet): Ratchet {
  let kept = state.kept
    .map((chain) => without(chain, chain.keys.size - P.CHAIN_KEYS_MAX))
    .slice(-P.RECEIVING_CHAINS_MAX);
  let beyond = kept.reduce((sum, chain) => sum + chain.keys.size, 0) - P.STORED_KEYS_MAX;
  while (beyond > 0) {
    const [oldest, ...others] = kept;
    if (oldest === undefined) throw new Refusal("limit", "no chain to drop keys of");
    const dropped = Math.min(beyond, oldest.keys.size);
    beyond -= dropped;
    kept = dropped === oldest.keys.size ? others : [without(oldest, dropped), ...others];
  }
  return { ...state, kept };
}

function without(chain: Chain, count: number): Chain {
  if (count <= 0) return chain;
  const numbers = [...chain.keys.keys()].sort((left, right) => left - right).slice(count);
  return { ...chain, keys: new Map(numbers.map((number) => [number, chain.keys.get(number) as Bytes])) };
}
