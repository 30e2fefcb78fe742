/**
 * Directories (8.4): entries, heads, proofs and contacts, as their readers and owners have them.
 */

import { type Bytes, equal, plus, type Uint, u8, utf8 } from "./bytes.js";
import { decode, encode, type Value } from "./cbor.js";
import { blob, exactly, list, number, parse, type Read, record, text, within } from "./fields.js";
import { checkIdentity, checkPackage, type Package, readPackage, signingKeyOf } from "./identity.js";
import * as P from "./parameters.js";
import { sha256, sign, verifies } from "./primitives.js";
import { demand } from "./refusal.js";
import { readSet } from "./sets.js";
import { checkConsistency, checkInclusion } from "./tree.js";
import { serviceUri } from "./uri.js";

export interface Entry {
  readonly name: string;
  readonly sequence: number;
  readonly identity: Bytes;
  readonly encoded: Bytes;
}

/** A name: 1 to 128 bytes of UTF-8 in normalization form C (DIR-21). */
const readName: Read<string> = (value) => {
  const name = text(1, 128)(value);
  demand(name.normalize("NFC") === name, "malformed", "a name that is not composed"); // DIR-21
  return name;
};

function unsigned(name: string, sequence: number, identity: Bytes, date: Uint): Map<number, Value> {
  return new Map<number, Value>([
    [0, 1],
    [1, name],
    [2, sequence],
    [3, identity],
    [4, date],
  ]);
}

/** Make an entry; signed by the identity before it too, where its owner still holds that. */
export function makeEntry(
  name: string,
  sequence: number,
  identity: Bytes,
  now: Uint,
  seed: Bytes,
  before: Bytes | null,
): Bytes {
  const fields = unsigned(readName(name), sequence, checkIdentity(identity), now);
  const signed = encode(fields);
  within(0, 0xffff_ffff)(sequence);
  fields.set(5, sign(seed, P.LABELS.entry, signed));
  if (before !== null) fields.set(6, sign(before, P.LABELS.entry, signed));
  return encode(fields);
}

/** Read an entry and check its signatures (DIR-1); `before` is the entry before it, if it is known. */
export function decodeEntry(source: Bytes, before: Entry | null): Entry {
  demand(source.length <= P.ENTRY_BYTES_MAX, "too-large", "an entry that is too long"); // DIR-20
  return parse(source, (value) => {
    const fields = record(value, 6, 7);
    fields.read(0, exactly(1));
    const name = fields.read(1, readName);
    const sequence = fields.read(2, within(0, 0xffff_ffff));
    const identity = checkIdentity(fields.read(3, blob(P.IDENTITY_BYTES)));
    const signed = encode(unsigned(name, sequence, identity, fields.read(4, number)));
    const own = verifies(signingKeyOf(identity), P.LABELS.entry, signed, fields.read(5, blob(64)));
    demand(own, "forged", "an entry that its identity did not sign"); // DIR-1
    const vouched = fields.optional(6, blob(64));
    demand(vouched === null || sequence > 0, "forged", "a first entry with somebody before it"); // DIR-1
    if (before !== null) checkSuccession(before, { name, sequence }, signed, vouched);
    return { name, sequence, identity, encoded: source };
  });
}

function checkSuccession(
  before: Entry,
  of: { name: string; sequence: number },
  signed: Bytes,
  vouched: Bytes | null,
): void {
  demand(before.name === of.name && before.sequence + 1 === of.sequence, "forged", "not the entry that follows");
  if (vouched === null) return;
  const known = verifies(signingKeyOf(before.identity), P.LABELS.entry, signed, vouched);
  demand(known, "forged", "not signed by the identity before it"); // DIR-1
}

/** The leaf of an entry in the log (DIR-12). */
export function leafOf(entry: Entry): Bytes {
  const name = sha256(P.LABELS.name, u8(0), utf8(entry.name));
  return encode(
    new Map<number, Value>([
      [0, name],
      [1, entry.sequence],
      [2, sha256(entry.encoded)],
    ]),
  );
}

/** Check what somebody says is a leaf. */
export function checkLeaf(source: Bytes): Bytes {
  const fields = record(decode(source), 3);
  fields.read(0, blob(32));
  fields.read(1, within(0, 0xffff_ffff));
  fields.read(2, blob(32));
  return source;
}

export interface Head {
  readonly size: number;
  readonly tree: Bytes;
}

export function makeHead(seed: Bytes, uri: string, size: number, tree: Bytes, now: Uint): Bytes {
  demand(tree.length === 32, "malformed", "a hash of another length");
  within(0, P.NUMBER_MAX)(size);
  const fields = new Map<number, Value>([
    [0, 1],
    [1, serviceUri(uri)],
    [2, size],
    [3, tree],
    [4, now],
  ]);
  return encode(fields.set(5, sign(seed, P.LABELS.head, encode(fields))));
}

/** Check a head of a directory with a key (DIR-12). */
function headOf(value: Value, key: Bytes, uri: string): Head & { readonly dateS: Uint } {
  const fields = record(value, 6);
  fields.read(0, exactly(1));
  const named = fields.read(1, serviceUri);
  const head = {
    size: fields.read(2, within(0, P.NUMBER_MAX)),
    tree: fields.read(3, blob(32)),
    dateS: fields.read(4, number),
  };
  const signed = new Map<number, Value>([
    [0, 1],
    [1, named],
    [2, head.size],
    [3, head.tree],
    [4, head.dateS],
  ]);
  demand(verifies(key, P.LABELS.head, encode(signed), fields.read(5, blob(64))), "forged", "a head that nobody signed");
  demand(named === uri, "forged", "a head of another directory");
  return head;
}

/** As `headOf`, and that it is not too old (DIR-18). */
function freshHead(value: Value, key: Bytes, uri: string, now: Uint): Head {
  const head = headOf(value, key, uri);
  demand(now <= plus(head.dateS, P.HEAD_AGE_S_MAX), "expired", "a head that is too old"); // DIR-18
  return head;
}

export function checkHead(source: Bytes, key: Bytes, uri: string, now: Uint): Head {
  return freshHead(decode(source), key, uri, now);
}

/** Check that a head and the last one that was kept are of one log, whichever of them is larger (DIR-15). */
export function joinHeads(old: Bytes, next: Bytes, path: readonly Bytes[], key: Bytes, uri: string, now: Uint): void {
  const kept = headOf(decode(old), key, uri);
  const head = freshHead(decode(next), key, uri, now);
  const fits = path.length <= P.PROOF_HASHES_MAX && path.every((hash) => hash.length === 32);
  demand(fits, "malformed", "a path that is too long, or holds what is no hash");
  const [small, large] = kept.size <= head.size ? [kept, head] : [head, kept];
  checkConsistency(small.size, small.tree, large.size, large.tree, path);
}

/** Check a proof for a name (DIR-14); return its entry. */
export function checkProof(source: Bytes, key: Bytes, uri: string, name: string, now: Uint): Entry {
  return parse(source, (value) => {
    const fields = record(value, 4);
    const entry = fields.read(0, (held) => decodeEntry(encode(held), null));
    demand(entry.name === name, "forged", "a proof for another name");
    const path = fields.read(2, list(blob(32), P.PROOF_HASHES_MAX));
    const head = fields.read(3, (held) => freshHead(held, key, uri, now));
    checkInclusion(leafOf(entry), fields.read(1, within(0, P.NUMBER_MAX)), head.size, path, head.tree); // DIR-14
    return entry;
  });
}

/** Read a contact of a directory: its package carries the identity of the entry (DIR-6). */
export function decodeContact(source: Bytes, entry: Entry, now: Uint): Package {
  demand(source.length <= P.CONTACT_BYTES_MAX, "too-large", "a contact that is too long"); // DIR-20
  return parse(source, (value) => {
    const fields = record(value, 3);
    fields.read(0, exactly(1));
    fields.read(2, readSet);
    const of = checkPackage(fields.read(1, readEither), now);
    demand(equal(of.identity, entry.identity), "forged", "a contact of another identity"); // DIR-6
    return of;
  });
}

const readEither: Read<Package> = (value) => {
  const suite = record(value, 10).read(1, within(1, 2)) as 1 | 2;
  return readPackage(suite)(value);
};
