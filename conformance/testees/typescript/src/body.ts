/**
 * Bodies (3.5, 11.3 to 11.5): what one end says to the other, inside the ratchet.
 */

import type { Bytes } from "./bytes.js";
import { decode, encode, type Value } from "./cbor.js";
import { anyBytes, blob, exactly, fieldsOf, pairs, parse, type Read, record, within } from "./fields.js";
import * as P from "./parameters.js";
import { includes, type Received, readReceived, receivedValue } from "./received.js";
import { demand } from "./refusal.js";
import { type AddressSet, readSet, setValue } from "./sets.js";
import { serviceUri } from "./uri.js";

/** The commands and their numbers on the wire (DELIV-32). */
export const KIND = {
  message: 0,
  receipt: 1,
  update: 2,
  requestUpdate: 3,
  end: 4,
  moved: 5,
  read: 6,
  resync: 7,
} as const;

export interface Body {
  readonly kind: number;
  readonly number: number | null;
  readonly received: Received;
  readonly holds: number;
  readonly set: AddressSet | null;
  readonly digests: ReadonlyMap<string, Bytes> | null;
  readonly content: Bytes | null;
}

const readDigests: Read<ReadonlyMap<string, Bytes>> = (value) =>
  new Map(pairs(value, P.SERVICES_MAX).map(([uri, digest]) => [serviceUri(uri), blob(16)(digest)])); // SVC-1

/** Read the content of RESYNC: the next number. */
export function nextOf(content: Bytes | null): number {
  demand(content !== null, "malformed", "a RESYNC without content"); // CONT-15
  return parse(content, (value) => record(value, 1).read(0, within(0, P.NUMBER_MAX)));
}

/** Read the content of READ: what was seen. */
export function seenOf(content: Bytes | null): Received {
  demand(content !== null, "malformed", "a READ without content"); // CONT-15
  return parse(content, readReceived);
}

export function decodeBody(source: Uint8Array): Body {
  demand(source.length <= P.DEVICE_BYTES_MAX, "too-large", "a body that is too long"); // ENV-20
  const fields = fieldsOf(decode(source));
  fields.read(0, exactly(1)); // ENV-5
  const kind = fields.read(1, within(0, KIND.resync)); // EXT-9
  if (kind === KIND.message) fields.only(0, 1, 2, 3, 4, 5, 6, 7);
  else fields.only(0, 1, 3, 4, 5, 6, 7); // ENV-14
  const body: Body = {
    kind,
    number: kind === KIND.message ? fields.read(2, within(0, P.NUMBER_MAX)) : null, // ENV-14
    received: fields.read(3, readReceived),
    holds: fields.read(4, within(0, P.NUMBER_MAX)),
    set: fields.optional(5, readSet),
    digests: fields.optional(6, readDigests),
    content: fields.optional(7, anyBytes), // CONT-13
  };
  checkContent(body);
  return body;
}

function checkContent(body: Body): void {
  if (body.kind === KIND.resync) nextOf(body.content);
  if (body.kind === KIND.read) {
    demand(includes(body.received, seenOf(body.content)), "malformed", "seen, and not received"); // CONT-15
  }
}

/** Encode a body, and hold it to the rules by which it is read. */
export function encodeBody(body: Body): Bytes {
  const fields = new Map<number, Value>([
    [0, 1],
    [1, body.kind],
  ]);
  if (body.number !== null) fields.set(2, body.number);
  fields.set(3, receivedValue(body.received)).set(4, body.holds);
  if (body.set !== null) fields.set(5, setValue(body.set));
  if (body.digests !== null) fields.set(6, new Map<string, Value>(body.digests));
  if (body.content !== null) fields.set(7, body.content);
  const encoded = encode(fields);
  decodeBody(encoded); // ENV-14, ENV-20
  return encoded;
}
