/**
 * What a receiving service publishes: its configuration (2.4), the generations of its keys, and the digest of both.
 *
 * A generation is live when not before <= now < not after (ADDR-14). Of several that are live, the one that began last
 * is used, and of two that began together the one with the higher number (ADDR-30).
 */

import { type Bytes, type Uint, u8 } from "./bytes.js";
import { encode, type Value } from "./cbor.js";
import { blob, exactly, list, number, parse, type Read, record, tuple, within } from "./fields.js";
import { GENERATIONS_MAX, KEY_BYTES, LABELS } from "./parameters.js";
import { sha256 } from "./primitives.js";
import { demand, Refusal } from "./refusal.js";
import { serviceUri } from "./uri.js";

export interface Generation {
  readonly number: number;
  readonly key: Bytes;
  readonly fromS: Uint;
  readonly untilS: Uint;
}

export interface Config {
  readonly uri: string;
  readonly profiles: readonly number[];
  readonly outer: readonly Generation[];
  readonly inner: readonly Generation[];
}

const readGeneration: Read<Generation> = (value) => {
  const [serial, key, from, until] = tuple(value, 4) as readonly [Value, Value, Value, Value];
  const generation = {
    number: within(0, 255)(serial),
    key: blob(KEY_BYTES)(key),
    fromS: number(from),
    untilS: number(until),
  };
  demand(generation.fromS < generation.untilS, "malformed", "a generation that ends before it begins");
  return generation;
};

/** At most eight generations (ADDR-35), no two of one number. */
export const readGenerations: Read<readonly Generation[]> = (value) => {
  const generations = list(readGeneration, GENERATIONS_MAX)(value);
  unique(generations.map((generation) => generation.number));
  return generations;
};

export function unique(items: readonly unknown[]): void {
  demand(new Set(items).size === items.length, "malformed", "one twice");
}

export function decodeConfig(source: Uint8Array): Config {
  return parse(source, (value) => {
    const fields = record(value, 5);
    fields.read(1, exactly(1)); // ENV-5: the suite
    const config = {
      uri: fields.read(0, serviceUri),
      profiles: fields.read(2, list(within(1, 2), 2)),
      outer: fields.read(3, readGenerations),
      inner: fields.read(4, readGenerations),
    };
    unique(config.profiles);
    demand(config.profiles.includes(1) || config.inner.length === 0, "malformed", "inner keys without two-layer/1");
    return config;
  });
}

export function generationValues(generations: readonly Generation[]): Value {
  return generations.map((one) => [one.number, one.key, one.fromS, one.untilS]);
}

export function encodeConfig(config: Config): Bytes {
  return encode(
    new Map<number, Value>([
      [0, config.uri],
      [1, 1],
      [2, config.profiles],
      [3, generationValues(config.outer)],
      [4, generationValues(config.inner)],
    ]),
  );
}

/** The digest of a configuration, from its one encoding (ADDR-26). */
export function configDigest(encoded: Uint8Array): Bytes {
  return sha256(LABELS.config, u8(0), encoded).slice(0, 16);
}

export function isLive(generation: { readonly fromS: Uint; readonly untilS: Uint }, now: Uint): boolean {
  return generation.fromS <= now && now < generation.untilS;
}

/** The live generation that began last and lasts until a date; expired where there is none (ADDR-30, ADDR-9). */
export function newest(generations: readonly Generation[], now: Uint, lasts: Uint = 0): Generation {
  let best: Generation | null = null;
  for (const one of generations) {
    if (!isLive(one, now) || one.untilS < lasts) continue;
    const later = best === null || one.fromS > best.fromS || (one.fromS === best.fromS && one.number > best.number);
    if (later) best = one;
  }
  if (best === null) throw new Refusal("expired", "no live generation that lasts long enough");
  return best;
}
