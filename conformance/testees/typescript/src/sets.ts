/**
 * Address sets (3.6): all that one end hands out, complete, with a version.
 */

import type { Bytes } from "./bytes.js";
import { isList, type Value } from "./cbor.js";
import { type Generation, generationValues, readGenerations, unique } from "./config.js";
import { blob, bool, checkHour, exactly, list, number, type Read, record, within } from "./fields.js";
import * as P from "./parameters.js";
import { demand } from "./refusal.js";
import { serviceUri } from "./uri.js";

/** An epoch key in label/1, a batch of RDAS in two-layer/1 (ENV-19). */
export type GrantSecret = { readonly key: Bytes } | { readonly batch: readonly Bytes[] };

export interface Grant {
  readonly serial: number;
  readonly longTerm: boolean;
  readonly validUntilS: number;
  readonly capacity: number;
  readonly secret: GrantSecret;
}

export interface Entry {
  readonly uri: string;
  readonly profile: 1 | 2;
  readonly outer: readonly Generation[];
  readonly grants: readonly Grant[];
}

export interface AddressSet {
  readonly version: number;
  readonly entries: readonly Entry[];
}

function readGrant(profile: 1 | 2): Read<Grant> {
  return (value) => {
    const fields = record(value, 5);
    const secret = fields.read(4, (held): GrantSecret => {
      demand(isList(held) === (profile === 1), "malformed", "a secret of another profile"); // ENV-19
      return profile === 1
        ? { batch: list(blob(P.RDAS_BYTES), Number.MAX_SAFE_INTEGER)(held) }
        : { key: blob(P.KEY_BYTES)(held) };
    });
    return {
      serial: fields.read(0, within(0, P.EPOCH_MAX)),
      longTerm: fields.read(1, bool),
      validUntilS: checkHour(fields.read(2, number)), // ADDR-4
      capacity: fields.read(3, within(0, P.GRANT_CAPACITY_MAX)),
      secret,
    };
  };
}

const readEntry: Read<Entry> = (value) => {
  const fields = record(value, 4);
  const profile = fields.read(1, within(1, 2)) as 1 | 2; // ENV-5
  const outer = fields.read(2, (keys) => {
    const sealing = record(keys, 2);
    sealing.read(0, exactly(1)); // ENV-5
    return sealing.read(1, readGenerations); // ADDR-35
  });
  return {
    uri: fields.read(0, serviceUri),
    profile,
    outer,
    grants: fields.read(3, list(readGrant(profile), P.GRANTS_MAX)),
  };
};

export const readSet: Read<AddressSet> = (value) => {
  const fields = record(value, 2);
  const entries = fields.read(1, list(readEntry, P.SERVICES_MAX));
  unique(entries.map((entry) => entry.uri)); // ENV-13
  return { version: fields.read(0, within(0, P.NUMBER_MAX)), entries };
};

function secretValue(secret: GrantSecret): Value {
  return "key" in secret ? secret.key : secret.batch;
}

function grantValue(grant: Grant): Value {
  return new Map<number, Value>([
    [0, grant.serial],
    [1, grant.longTerm],
    [2, grant.validUntilS],
    [3, grant.capacity],
    [4, secretValue(grant.secret)],
  ]);
}

function entryValue(entry: Entry): Value {
  const keys = new Map<number, Value>([
    [0, 1],
    [1, generationValues(entry.outer)],
  ]);
  return new Map<number, Value>([
    [0, entry.uri],
    [1, entry.profile],
    [2, keys],
    [3, entry.grants.map(grantValue)],
  ]);
}

export function setValue(set: AddressSet): Value {
  return new Map<number, Value>([
    [0, set.version],
    [1, set.entries.map(entryValue)],
  ]);
}
