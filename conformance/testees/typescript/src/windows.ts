/**
 * Windows of label/1: which labels a receiving service takes (2.5).
 *
 * For each root, epoch and lane, *top* is the highest spent index plus 1, or 0, and the window is what is unspent in
 * [max(0, top - W), top + W) and below the capacity (ADDR-22). The labels of all windows are in one table; where two
 * epochs have one key, a label belongs to the window that had it first (ADDR-36). Labels of a window are derived when
 * the first envelope comes, since an epoch can have many lanes that nobody uses.
 */

import { type Bytes, equal, hex, type Uint } from "./bytes.js";
import { deriveLabel } from "./addresses.js";
import { LABEL_WINDOW } from "./parameters.js";
import { demand } from "./refusal.js";

export interface Epoch {
  readonly key: Bytes;
  readonly validUntilS: number;
  readonly capacity: number;
  readonly lanes: number;
}

export interface Labelled {
  readonly root: Bytes;
  readonly epoch: number;
  readonly lane: number;
  readonly index: number;
  readonly validUntilS: number;
}

interface Lane {
  top: number;
  /** All below were put into the table. */
  built: number;
}

interface Held extends Epoch {
  readonly root: Bytes;
  readonly number: number;
  readonly order: readonly Lane[];
}

interface Place {
  readonly held: Held;
  readonly lane: number;
  readonly index: number;
}

/** All that has to be kept: plain data, so that a copy of it is a copy of everything. */
export interface WindowsState {
  readonly epochs: Map<string, Held>;
  readonly places: Map<string, Place>;
  /** Epochs of which nothing was derived yet, in the order in which they came. */
  fresh: Held[];
}

export function noWindows(): WindowsState {
  return { epochs: new Map(), places: new Map(), fresh: [] };
}

export class Windows {
  constructor(private readonly state: WindowsState) {}

  /** Register an epoch; again with the same values changes nothing, with others it is refused (RECV-6). */
  register(root: Bytes, number: number, epoch: Epoch): void {
    const held = this.state.epochs.get(name(root, number));
    if (held !== undefined) {
      const same = equal(held.key, epoch.key) && held.validUntilS === epoch.validUntilS;
      demand(
        same && held.capacity === epoch.capacity && held.lanes === epoch.lanes,
        "refused",
        "registered with other values",
      );
      return;
    }
    const order = Array.from({ length: epoch.lanes }, () => ({ top: 0, built: 0 }));
    const added = { ...epoch, root, number, order };
    this.state.epochs.set(name(root, number), added);
    this.state.fresh.push(added);
  }

  /** Forget an epoch of a root, or all. */
  revoke(root: Bytes, number: number | null): void {
    this.#drop((held) => equal(held.root, root) && (number === null || held.number === number));
  }

  /** Forget the epochs whose date has passed (ADDR-23). */
  erase(now: Uint): void {
    this.#drop((held) => held.validUntilS <= now);
  }

  /** Return what a label in a window stands for, or null. */
  find(label: Bytes): Labelled | null {
    for (const held of this.state.fresh) for (let lane = 0; lane < held.lanes; lane++) this.#extend(held, lane);
    this.state.fresh = [];
    const place = this.state.places.get(hex(label));
    if (place === undefined) return null;
    const { held, lane, index } = place;
    return { root: held.root, epoch: held.number, lane, index, validUntilS: held.validUntilS };
  }

  /** Spend a label that was found: it leaves its window, and the window moves. */
  spend(found: Labelled): void {
    const held = this.state.epochs.get(name(found.root, found.epoch));
    const lane = held?.order[found.lane];
    if (held === undefined || lane === undefined) return;
    this.#remove(held, found.lane, found.index);
    if (found.index < lane.top) return;
    const left = Math.max(0, lane.top - LABEL_WINDOW);
    lane.top = found.index + 1;
    for (let index = left; index < lane.top - LABEL_WINDOW; index++) this.#remove(held, found.lane, index);
    this.#extend(held, found.lane);
  }

  #extend(held: Held, number: number): void {
    const lane = held.order[number];
    if (lane === undefined) return;
    const end = Math.min(lane.top + LABEL_WINDOW, held.capacity);
    for (; lane.built < end; lane.built++) {
      const label = hex(deriveLabel(held.key, number, lane.built));
      if (this.state.places.has(label)) continue; // ADDR-36
      this.state.places.set(label, { held, lane: number, index: lane.built });
    }
  }

  #remove(held: Held, lane: number, index: number): void {
    const label = hex(deriveLabel(held.key, lane, index));
    if (this.state.places.get(label)?.held === held) this.state.places.delete(label);
  }

  #drop(which: (held: Held) => boolean): void {
    for (const [key, held] of this.state.epochs) if (which(held)) this.state.epochs.delete(key);
    for (const [label, place] of this.state.places) if (which(place.held)) this.state.places.delete(label);
    this.state.fresh = this.state.fresh.filter((held) => !which(held));
  }
}

function name(root: Bytes, number: number): string {
  return `${hex(root)}/${number}`;
}
