/**
 * Paths: which sending service and which grant of the peer the next transmission takes (6.3, 5.3).
 */

import { deriveLabel } from "../addresses.js";
import { type Bytes } from "../bytes.js";
import { isLive } from "../config.js";
import { LABEL_WINDOW } from "../parameters.js";
import type { Entry, Grant } from "../sets.js";
import type { Stock } from "./state.js";
import type { Work } from "./work.js";

export interface Path {
  readonly via: string;
  readonly entry: Entry;
  readonly grant: Grant;
}

export function stockOf(work: Work, uri: string, grant: Grant): Stock {
  const key = `${uri}#${grant.serial}`;
  const held = work.of.stock.get(key);
  const given = "batch" in grant.secret ? grant.secret.batch : [];
  if (held !== undefined && (held.batch.length > 0 || given.length === 0)) return held;
  const stock = { used: held?.used ?? 0, skipped: held?.skipped ?? false, batch: given };
  work.of.stock.set(key, stock);
  return stock;
}

/** How many addresses of a grant are left. */
function left(work: Work, entry: Entry, grant: Grant): number {
  const stock = stockOf(work, entry.uri, grant);
  return ("key" in grant.secret ? grant.capacity : stock.batch.length) - stock.used;
}

function isUsable(work: Work, entry: Entry, grant: Grant, carriesSet: boolean): boolean {
  if (grant.validUntilS <= work.now) return false; // STATE-3
  const kept = grant.longTerm && !carriesSet ? 1 : 0; // STATE-28
  return left(work, entry, grant) > kept;
}

/** The grant to use at a service: the ephemeral one while it is usable (STATE-7). */
function grantAt(work: Work, entry: Entry, carriesSet: boolean, longTermFirst: boolean): Grant | null {
  if (!entry.outer.some((one) => isLive(one, work.now))) return null; // EXT-8
  const usable = entry.grants.filter((grant) => isUsable(work, entry, grant, carriesSet));
  const order = [...usable].sort((one, other) => Number(one.longTerm) - Number(other.longTerm));
  return (longTermFirst ? order.at(-1) : order[0]) ?? null;
}

/** Services of the peer at which there is a usable grant, with it. */
export function reachable(work: Work, carriesSet: boolean, longTermFirst = false): { entry: Entry; grant: Grant }[] {
  return work.of.held.entries.flatMap((entry) => {
    const grant = grantAt(work, entry, carriesSet, longTermFirst);
    return grant === null ? [] : [{ entry, grant }];
  });
}

export function isSuspect(work: Work, uri: string): boolean {
  return (work.of.suspects.get(uri) ?? 0) > work.now;
}

function preferring<T>(items: readonly T[], which: (item: T) => boolean): readonly T[] {
  const preferred = items.filter(which);
  return preferred.length ? preferred : items;
}

/** The sending service whose turn it is, among those that answer (DELIV-5). */
export function takeSender(work: Work, apart: string | null): string | null {
  const { of } = work;
  let open = of.sending.filter((uri) => !work.isSilent(uri));
  if (apart !== null) open = [...preferring(open, (uri) => uri !== apart)]; // DELIV-18
  const via = open[of.sendingTurn % Math.max(open.length, 1)];
  if (via === undefined) return null;
  of.sendingTurn += 1;
  return via;
}

/** Choose a path in the four steps of 6.3; null where there is none. */
export function choose(work: Work, carriesSet: boolean, apart: string | null = null): Path | null {
  const all = reachable(work, carriesSet);
  if (all.length === 0) return null;
  const via = takeSender(work, apart);
  if (via === null) return null;
  const trusted = preferring(all, ({ entry }) => !isSuspect(work, entry.uri)); // DELIV-6
  const others = preferring(trusted, ({ entry }) => entry.uri !== via); // DELIV-7
  const turn = work.of.turns.get(via) ?? 0;
  const chosen = others[turn % others.length];
  if (chosen === undefined) return null;
  work.of.turns.set(via, turn + 1); // DELIV-8
  return { via, ...chosen };
}

/** Take the next address of a grant: it is used up, whatever becomes of it (ADDR-25). */
export function takeAddress(work: Work, { entry, grant }: Path): Bytes {
  const stock = stockOf(work, entry.uri, grant);
  const index = stock.used;
  stock.used += 1;
  if ("key" in grant.secret) return deriveLabel(grant.secret.key, 0, index);
  const address = stock.batch[index];
  if (address === undefined) throw new Error("an address was taken that is not there");
  return address;
}

/** Leave out what a lost device may have used: positions of label/1, all but the last of a batch (12.6, step 2). */
export function skipUsed(work: Work, first: number, again: number): void {
  for (const entry of work.of.held.entries) {
    for (const grant of entry.grants) {
      const stock = stockOf(work, entry.uri, grant);
      if ("key" in grant.secret) {
        const step = Math.min(stock.skipped ? again : first, LABEL_WINDOW);
        stock.used = Math.min(stock.used + step, grant.capacity);
        stock.skipped = true;
      } else stock.used = Math.max(stock.used, stock.batch.length - 1);
    }
  }
}
