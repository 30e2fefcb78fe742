/**
 * The core of a receiving service as a whole (8.2, 6.6): keys, roots, and what is stored for each root.
 *
 * What is answered to a request depends on its outer form alone (ENV-8); whether it resolves is seen by nobody but the
 * owner of a root. Storing and spending are one step (ADDR-17).
 */

import { type Bytes, hex, plus, type Uint, uint } from "./bytes.js";
import type { Draws } from "./draws.js";
import { decodeRequest, encodeDelivery } from "./envelope.js";
import { BACKDATE_S, DAY_S, ROOT_MESSAGES_MAX } from "./parameters.js";
import { newService, type SecretGeneration, Service, type ServiceState } from "./receiving.js";
import { Refusal } from "./refusal.js";

/** Outer keys live longer than any address, inner ones longer than what is issued until they are replaced. */
const OUTER_LIFETIME_S = 400 * DAY_S;
const INNER_LIFETIME_S = 800 * DAY_S;
const FETCH_MAX = 64;

/** All that has to be kept: plain data. */
export interface StoreState {
  readonly service: ServiceState;
  /** For each root, the number of the last delivery, and what is stored by number. */
  readonly stores: Map<string, Store>;
}

interface Store {
  last: number;
  readonly stored: Map<number, Bytes>;
}

function generation(number: number, lifetimeS: number, now: Uint, draws: Draws): SecretGeneration {
  const { secret, public: key } = draws.keyPair("receiver.generation");
  const fromS = now > BACKDATE_S ? uint(BigInt(now) - BigInt(BACKDATE_S)) : 0; // 2.4: a clock may be slow
  return { number, key, secret, fromS, untilS: plus(now, lifetimeS) };
}

export function newStore(uri: string, now: Uint, draws: Draws): StoreState {
  const [outer, inner] = [generation(0, OUTER_LIFETIME_S, now, draws), generation(0, INNER_LIFETIME_S, now, draws)];
  return { service: newService(uri, [outer], [inner]), stores: new Map() };
}

/** Begin new generations of both kinds of keys; those that were published live on (ADDR-13). */
export function rotate(state: StoreState, now: Uint, draws: Draws): void {
  const number = (Math.max(...state.service.outer.map((one) => one.number), -1) + 1) % 256;
  const inner = generation(number, INNER_LIFETIME_S, now, draws);
  new Service(state.service).rotate(generation(number, OUTER_LIFETIME_S, now, draws), inner);
}

function storeOf(state: StoreState, root: Bytes): Store {
  const held = state.stores.get(hex(root)) ?? { last: 0, stored: new Map<number, Bytes>() };
  state.stores.set(hex(root), held);
  return held;
}

/** Take a request: its outer form may be refused, nothing else is (ENV-8, ENV-12). */
export async function accept(state: StoreState, request: Bytes, now: Uint): Promise<void> {
  decodeRequest(request);
  try {
    const found = await new Service(state.service).resolveRequest(request, now);
    const store = storeOf(state, found.root);
    if (store.stored.size >= ROOT_MESSAGES_MAX) return; // RECV-4
    const number = store.last + 1; // RECV-10
    store.stored.set(
      number,
      encodeDelivery({ number, ciphertext: found.ciphertext, index: found.index, epoch: found.epoch }),
    );
    store.last = number;
    found.spend(); // ADDR-17
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // the class stays inside (1.4)
  }
}

/** What is stored for a root, oldest first; nothing is deleted by it (DELIV-28, RECV-11). */
export function fetch(state: StoreState, root: Bytes): Bytes[] {
  return [...(state.stores.get(hex(root))?.stored.values() ?? [])].slice(0, FETCH_MAX);
}

export function confirm(state: StoreState, root: Bytes, numbers: readonly Uint[]): void {
  for (const number of numbers) state.stores.get(hex(root))?.stored.delete(Number(number));
}

/** Revoke a root with all that is stored for it, or one epoch of it (ADDR-24). */
export function revoke(state: StoreState, root: Bytes, epoch: Uint | null): void {
  const service = new Service(state.service);
  service.revokeEpochs(root, epoch);
  if (epoch !== null) return;
  service.revoke(root);
  state.stores.delete(hex(root));
}
