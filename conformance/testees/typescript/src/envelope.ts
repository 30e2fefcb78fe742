/**
 * Requests, submissions and deliveries (3.2, 3.3, 8.3): the bytes around a ciphertext.
 */

import { type Bytes, type Uint } from "./bytes.js";
import { diversify, type SealedTo, sealLabelled } from "./addresses.js";
import { encode, type Value } from "./cbor.js";
import type { Draws } from "./draws.js";
import { blob, exactly, number, parse, type Read, record, within } from "./fields.js";
import * as P from "./parameters.js";
import { demand, Refusal } from "./refusal.js";
import { serviceUri } from "./uri.js";

export type Request =
  | { readonly profile: 1; readonly address: Bytes; readonly ciphertext: Bytes }
  | { readonly profile: 2; readonly sealed: Bytes };

/** A ciphertext has the length of a size class (ENV-9). */
export function checkClass(ciphertext: Uint8Array): void {
  demand(ciphertext.length === P.CIPHERTEXT_BYTES, "malformed", "a ciphertext whose length is no size class");
}

/** Seal a ciphertext to an address: an RDAS or a label, as its length tells (ENV-6). */
export async function sealRequest(
  to: SealedTo,
  address: Bytes,
  ciphertext: Bytes,
  now: Uint,
  draws: Draws,
): Promise<Bytes> {
  checkClass(ciphertext);
  if (address.length === P.LABEL_BYTES) {
    const sealed = await sealLabelled(to, address, ciphertext, now, draws);
    return encode(
      new Map<number, Value>([
        [0, 1],
        [1, 2],
        [2, sealed],
      ]),
    );
  }
  const sda = await diversify(to, address, ciphertext, now, draws);
  return encode(
    new Map<number, Value>([
      [0, 1],
      [1, 1],
      [2, sda],
      [3, ciphertext],
    ]),
  );
}

/** Read the outer form of a request, on which alone an answer may depend (ENV-8). */
export function decodeRequest(source: Uint8Array): Request {
  demand(source.length <= P.REQUEST_BYTES_MAX, "too-large", "a request that is too long"); // ENV-2
  return parse(source, (value) => {
    const profile = record(value, 3, 4).read(1, within(1, 2)); // ENV-5
    const fields = record(value, profile === 1 ? 4 : 3);
    fields.read(0, exactly(1));
    if (profile === 2) return { profile: 2, sealed: fields.read(2, blob(1, 4_087)) };
    return {
      profile: 1,
      address: fields.read(2, blob(P.SDA_BYTES)),
      ciphertext: fields.read(3, blob(P.CIPHERTEXT_BYTES)),
    };
  });
}

export interface Submission {
  readonly uri: string;
  readonly request: Bytes;
  readonly notAfterS: Uint;
  readonly delayMeanS: number;
}

export function encodeSubmission(of: Submission): Bytes {
  return encode(
    new Map<number, Value>([
      [0, 1],
      [1, of.uri],
      [2, of.request],
      [3, of.notAfterS],
      [4, of.delayMeanS],
    ]),
  );
}

const readCarried: Read<Bytes> = (value) => {
  const request = blob(1, P.SUBMISSION_BYTES_MAX)(value);
  demand(request.length <= P.REQUEST_BYTES_MAX, "too-large", "a request that is too long"); // ENV-2
  return request;
};

export function decodeSubmission(source: Uint8Array): Submission {
  demand(source.length <= P.SUBMISSION_BYTES_MAX, "too-large", "a submission that is too long");
  return parse(source, (value) => {
    const fields = record(value, 5);
    fields.read(0, exactly(1));
    return {
      uri: fields.read(1, serviceUri), // SVC-1
      request: fields.read(2, readCarried),
      notAfterS: fields.read(3, number),
      delayMeanS: fields.read(4, within(0, P.DELAY_MEAN_S_MAX)),
    };
  });
}

export interface Delivery {
  readonly number: Uint;
  readonly ciphertext: Bytes;
  readonly index: number;
  readonly epoch: number | null;
}

export function encodeDelivery(of: Delivery): Bytes {
  const fields = new Map<number, Value>([
    [0, 1],
    [1, of.number],
    [2, of.ciphertext],
    [3, of.index],
  ]);
  if (of.epoch !== null) fields.set(4, of.epoch); // ENV-21
  const encoded = encode(fields);
  if (encoded.length > P.DEVICE_BYTES_MAX) throw new Refusal("too-large", "a delivery that is too long"); // ENV-7
  return encoded;
}

export function decodeDelivery(source: Uint8Array): Delivery {
  demand(source.length <= P.DEVICE_BYTES_MAX, "too-large", "a delivery that is too long"); // ENV-7
  return parse(source, (value) => {
    const fields = record(value, 4, 5);
    fields.read(0, exactly(1));
    return {
      number: fields.read(1, number),
      ciphertext: fields.read(2, blob(P.CIPHERTEXT_BYTES)), // ENV-9
      index: fields.read(3, within(0, P.INDEX_MAX)),
      epoch: fields.optional(4, within(0, P.EPOCH_MAX)),
    };
  });
}
