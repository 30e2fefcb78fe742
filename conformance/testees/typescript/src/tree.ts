/**
 * The log of a directory as a Merkle tree (8.4): hashes, and paths as in RFC 9162, section 2.1.
 */

import { type Bytes, equal, type Uint, u8 } from "./bytes.js";
import { sha256 } from "./primitives.js";
import { demand } from "./refusal.js";

export function leafHash(leaf: Bytes): Bytes {
  return sha256(u8(0), leaf);
}

function nodeHash(left: Bytes, right: Bytes): Bytes {
  return sha256(u8(1), left, right);
}

/** The largest power of two below a number. */
function split(count: number): number {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

export function treeHash(leaves: readonly Bytes[]): Bytes {
  if (leaves.length === 0) return sha256();
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return leafHash(only);
  const half = split(leaves.length);
  return nodeHash(treeHash(leaves.slice(0, half)), treeHash(leaves.slice(half)));
}

/** Siblings from a leaf to the root (RFC 9162, section 2.1.3.1). */
export function inclusion(leaves: readonly Bytes[], index: number): Bytes[] {
  demand(index < leaves.length, "malformed", "an index beyond the tree");
  if (leaves.length === 1) return [];
  const half = split(leaves.length);
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return index < half
    ? [...inclusion(left, index), treeHash(right)]
    : [...inclusion(right, index - half), treeHash(left)];
}

/** What shows that a tree of the first leaves grew to this one (RFC 9162, section 2.1.4.1). */
export function consistency(leaves: readonly Bytes[], first: number): Bytes[] {
  demand(first > 0 && first <= leaves.length, "malformed", "a tree that has no such beginning");
  return first === leaves.length ? [] : piece(leaves, first, true);
}

function piece(leaves: readonly Bytes[], first: number, whole: boolean): Bytes[] {
  if (first === leaves.length) return whole ? [] : [treeHash(leaves)];
  const half = split(leaves.length);
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return first <= half
    ? [...piece(left, first, whole), treeHash(right)]
    : [...piece(right, first - half, false), treeHash(left)];
}

/** Verify an inclusion path (RFC 9162, section 2.1.3.2), or refuse it as forged. */
export function checkInclusion(leaf: Bytes, index: Uint, size: Uint, path: readonly Bytes[], root: Bytes): void {
  demand(index < size, "forged", "an index beyond the tree");
  let [at, last, hash] = [BigInt(index), BigInt(size) - 1n, leafHash(leaf)];
  for (const sibling of path) {
    demand(last > 0n, "forged", "a path that is too long");
    if (at & 1n || at === last) {
      hash = nodeHash(sibling, hash);
      while (!(at & 1n) && at > 0n) [at, last] = [at >> 1n, last >> 1n];
    } else hash = nodeHash(hash, sibling);
    [at, last] = [at >> 1n, last >> 1n];
  }
  demand(last === 0n && equal(hash, root), "forged", "a path to another tree");
}

/** Verify a consistency path (RFC 9162, section 2.1.4.2), or refuse it as forged. */
export function checkConsistency(first: Uint, old: Bytes, second: Uint, root: Bytes, given: readonly Bytes[]): void {
  demand(first <= second, "forged", "a log that became shorter");
  if (first === second) demand(equal(old, root), "forged", "another log");
  if (first === second || first === 0) return; // 8.4: no path is needed
  let [at, last] = [BigInt(first) - 1n, BigInt(second) - 1n];
  const power = (BigInt(first) & (BigInt(first) - 1n)) === 0n;
  const path = power ? [old, ...given] : given;
  while (at & 1n) [at, last] = [at >> 1n, last >> 1n];
  const [start, ...siblings] = path;
  demand(start !== undefined && given.length > 0, "forged", "no path");
  let [left, right] = [start, start];
  for (const sibling of siblings) {
    demand(last > 0n, "forged", "a path that is too long");
    if (at & 1n || at === last) {
      [left, right] = [nodeHash(sibling, left), nodeHash(sibling, right)];
      while (!(at & 1n) && at > 0n) [at, last] = [at >> 1n, last >> 1n];
    } else right = nodeHash(right, sibling);
    [at, last] = [at >> 1n, last >> 1n];
  }
  demand(last === 0n && equal(left, old) && equal(right, root), "forged", "a log that is not the same");
}
