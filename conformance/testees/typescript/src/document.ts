/**
 * The document of an origin (8.1): what its services are, and with which keys.
 *
 * Members that are known have the type and bounds of the table; those that nobody knows are ignored (SVC-15), unlike
 * everywhere else. A document that is wrong in one place is not used in any (SVC-21).
 */

import type { Bytes } from "./bytes.js";
import { configDigest, decodeConfig, encodeConfig, type Generation } from "./config.js";
import { type Json, type Members, parseJsonBytes } from "./json.js";
import * as P from "./parameters.js";
import { demand } from "./refusal.js";
import { isAuthority, isOrigin } from "./uri.js";

const SAFE = Number.MAX_SAFE_INTEGER;
const CHUNK_COUNTS = Array.from({ length: 11 }, (_, power) => String(2 ** power));

export interface Document {
  readonly revision: number;
  readonly config: Bytes;
  readonly digest: Bytes;
  readonly delays: readonly number[];
}

type Check<T> = (value: Json) => T;

const members: Check<Members> = (value) => {
  demand(value instanceof Map, "malformed", "not an object");
  return value;
};

function list<T>(item: Check<T>): Check<readonly T[]> {
  return (value) => {
    demand(Array.isArray(value), "malformed", "not a list");
    return value.map(item);
  };
}

function within(least: number, most: number): Check<number> {
  return (value) => {
    demand(typeof value === "number" && value >= least && value <= most, "malformed", "a number beyond its bounds");
    return value;
  };
}

const text: Check<string> = (value) => {
  demand(typeof value === "string", "malformed", "not a text");
  return value;
};

function oneOf(...known: readonly string[]): Check<string> {
  return (value) => {
    demand(typeof value === "string" && known.includes(value), "malformed", "a word that is not known here");
    return value;
  };
}

/** 32 bytes in base64url without padding, unused bits zero. */
const key: Check<Bytes> = (value) => {
  const written = text(value);
  const read = new Uint8Array(Buffer.from(written, "base64url"));
  const same = Buffer.from(read).toString("base64url") === written;
  demand(read.length === P.KEY_BYTES && same, "malformed", "not a key of 32 bytes");
  return read;
};

const origin: Check<string> = (value) => {
  const uri = text(value);
  demand(isOrigin(uri), "malformed", "not the URI of a service"); // SVC-1
  return uri;
};

const tokens: Check<void> = (value) => {
  for (const issuers of members(value).values()) list(origin)(issuers);
};

function member<T>(of: Members, name: string, as: Check<T>): T {
  const value = of.get(name);
  demand(value !== undefined, "malformed", `${name} is missing`);
  return as(value);
}

const generation: Check<Generation> = (value) => {
  const of = members(value);
  return {
    number: member(of, "generation", within(0, 255)),
    key: member(of, "key", key),
    fromS: member(of, "not_before", within(0, SAFE)),
    untilS: member(of, "not_after", within(0, SAFE)),
  };
};

/** Return the service configuration that a document says (SVC-17), in its one encoding. */
function receiving(of: Members, uri: string): Bytes {
  member(of, "suite", within(1, 1));
  const profiles = member(of, "profiles", list(within(1, 2)));
  const outer = member(of, "outer", list(generation));
  const inner = member(of, "inner", list(generation));
  member(of, "request_bytes_max", within(0, P.REQUEST_BYTES_MAX));
  member(of, "ciphertext_classes_bytes", list(within(0, SAFE)));
  member(of, "latency", list(oneOf("immediate", "batched", "pull")));
  member(of, "proxy", (value) => demand(typeof value === "boolean", "malformed", "not a truth value"));
  member(of, "tokens", tokens);
  const encoded = encodeConfig({ uri, profiles, outer, inner });
  decodeConfig(encoded);
  return encoded;
}

/** Check what a document says of a sending service; return the delays that it offers. */
function sending(of: Members): readonly number[] {
  member(of, "request_bytes_max", within(0, P.REQUEST_BYTES_MAX));
  const delays = member(of, "delay_mean_s", list(within(0, P.DELAY_MEAN_S_MAX)));
  demand(delays.includes(0), "malformed", "the delay 0 is not offered"); // SEND-6
  member(of, "queue_lifetime_s", within(0, P.QUEUE_LIFETIME_S));
  for (const [count, price] of member(of, "upload", members)) {
    demand(CHUNK_COUNTS.includes(count), "malformed", "no number of chunks");
    within(1, 8)(price); // ATT-9
  }
  member(of, "tokens", tokens);
  return delays;
}

function directory(of: Members): void {
  member(of, "mode", oneOf("brokered", "attesting"));
  member(of, "namespace", text);
  member(of, "key", key);
  member(of, "tokens", tokens);
}

function authorization(of: Members): void {
  demand(isAuthority(member(of, "issuer", text)), "malformed", "an issuer that is no host");
  member(of, "epoch_s", within(0, SAFE));
  member(of, "redeem_grace_s", within(0, SAFE));
}

/** Read a document that came from an origin (SVC-21). */
export function decodeDocument(source: Bytes, from: string): Document {
  demand(source.length <= P.DOCUMENT_BYTES_MAX, "too-large", "a document that is too long"); // SVC-21
  const whole = members(parseJsonBytes(source));
  member(whole, "version", within(1, 1));
  const revision = member(whole, "revision", within(0, SAFE));
  member(whole, "operator", text);
  const part = (name: string): Members | null => {
    if (!whole.has(name)) return null;
    const of = member(whole, name, members);
    demand(member(of, "uri", origin) === from, "malformed", "a service of another origin"); // SVC-21
    return of;
  };
  const [receives, sends, directs, authorizes] = [
    part("receiving"),
    part("sending"),
    part("directory"),
    part("authorization"),
  ];
  const config = receives === null ? new Uint8Array(0) : receiving(receives, from);
  const delays = sends === null ? [] : sending(sends);
  if (directs !== null) directory(directs);
  if (authorizes !== null) authorization(authorizes);
  return { revision, config, digest: configDigest(config), delays };
}
