/**
 * Which messages arrived: all below a floor, and ranges above it (3.5, 6.2).
 *
 * Ranges are in ascending order with at least one missing number before each (ENV-15). This is both the form on the
 * wire and what a device keeps.
 */

import type { Value } from "./cbor.js";
import { list, type Read, tuple, within } from "./fields.js";
import { NUMBER_MAX, RANGES_MAX } from "./parameters.js";
import { demand } from "./refusal.js";

export type Range = readonly [number, number];

export interface Received {
  readonly floor: number;
  readonly ranges: readonly Range[];
}

export const NOTHING: Received = { floor: 0, ranges: [] };

const id = within(0, NUMBER_MAX);

const readRange: Read<Range> = (value) => {
  const [from, to] = tuple(value, 2) as readonly [Value, Value];
  return [id(from), id(to)];
};

export const readReceived: Read<Received> = (value) => {
  const [floor, ranges] = tuple(value, 2) as readonly [Value, Value];
  return checkReceived({ floor: id(floor), ranges: list(readRange, RANGES_MAX)(ranges) });
};

export function checkReceived(received: Received): Received {
  demand(received.ranges.length <= RANGES_MAX, "malformed", "too many ranges"); // ENV-15
  let least = received.floor + 1;
  for (const [from, to] of received.ranges) {
    demand(from >= least && from <= to, "malformed", "ranges that are not in order"); // ENV-15
    least = to + 2;
  }
  return received;
}

export function receivedValue(received: Received): Value {
  return [received.floor, received.ranges.map((range) => [...range])];
}

export function covers(received: Received, number: number): boolean {
  return number < received.floor || received.ranges.some(([from, to]) => from <= number && number <= to);
}

/** Tell whether all that `part` covers is covered by `whole`. */
export function includes(whole: Received, part: Received): boolean {
  const pieces: Range[] = part.floor > 0 ? [[0, part.floor - 1], ...part.ranges] : [...part.ranges];
  const held: Range[] = whole.floor > 0 ? [[0, whole.floor - 1], ...whole.ranges] : [...whole.ranges];
  return pieces.every(([from, to]) => held.some(([least, most]) => least <= from && to <= most));
}

/** The highest number that is covered, or -1. */
export function highest(received: Received): number {
  return received.ranges.at(-1)?.[1] ?? received.floor - 1;
}

/** Add a number. */
export function add(received: Received, number: number): Received {
  if (covers(received, number)) return received;
  const ranges: [number, number][] = [];
  for (const range of [...received.ranges, [number, number] as const].sort((left, right) => left[0] - right[0])) {
    const last = ranges.at(-1);
    if (last !== undefined && range[0] === last[1] + 1) last[1] = range[1];
    else ranges.push([range[0], range[1]]);
  }
  const first = ranges[0];
  if (first !== undefined && first[0] === received.floor) return { floor: first[1] + 1, ranges: ranges.slice(1) };
  return { floor: received.floor, ranges };
}

/** What may be said of it: of more than 32 ranges the highest (DELIV-12). */
export function sayable(received: Received): Received {
  return { floor: received.floor, ranges: received.ranges.slice(-RANGES_MAX) };
}
