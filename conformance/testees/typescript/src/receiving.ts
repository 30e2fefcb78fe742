/**
 * What a receiving service holds, and how it resolves addresses (chapter 2).
 *
 * Two-layer/1 in six steps (ADDR-15), label/1 in three (ADDR-21); the class is that of the first step that fails, and
 * resolving changes nothing. Spending is resolving and then its effect (ADDR-17).
 */

import { type Bytes, equal, hex, readNumber, slice, type Uint } from "./bytes.js";
import { sealInfo } from "./addresses.js";
import { decodeConfig, encodeConfig, type Generation, isLive } from "./config.js";
import { checkClass, decodeRequest } from "./envelope.js";
import { checkHour } from "./fields.js";
import { CLASSICAL, open } from "./hpke.js";
import * as P from "./parameters.js";
import { sha256, verifies } from "./primitives.js";
import { demand } from "./refusal.js";
import { type Labelled, noWindows, Windows, type WindowsState } from "./windows.js";

export interface SecretGeneration extends Generation {
  readonly secret: Bytes;
}

export interface Resolved {
  readonly root: Bytes;
  readonly index: number;
  readonly validUntilS: number;
}

export interface ResolvedLabel extends Labelled {
  readonly ciphertext: Bytes;
}

export interface Arrived {
  readonly root: Bytes;
  readonly ciphertext: Bytes;
  readonly index: number;
  readonly epoch: number | null;
  readonly spend: () => void;
}

interface Root {
  readonly verifyKey: Bytes;
  /** Spent indices, and until when each address is valid: its date refuses it from then on. */
  readonly spent: Map<number, number>;
}

/** All that has to be kept: plain data, so that a copy of it is a copy of everything. */
export interface ServiceState {
  readonly uri: string;
  outer: readonly SecretGeneration[];
  inner: readonly SecretGeneration[];
  readonly roots: Map<string, Root>;
  readonly windows: WindowsState;
}

export function newService(
  uri: string,
  outer: readonly SecretGeneration[],
  inner: readonly SecretGeneration[],
): ServiceState {
  const most = Math.max(outer.length, inner.length);
  demand(most <= P.GENERATIONS_MAX, "limit", "too many generations"); // ADDR-35
  decodeConfig(configOf(uri, outer, inner)); // SVC-1 and the rules of generations
  return { uri, outer, inner, roots: new Map(), windows: noWindows() };
}

function configOf(uri: string, outer: readonly Generation[], inner: readonly Generation[]): Bytes {
  return encodeConfig({ uri, profiles: [1, 2], outer, inner });
}

export class Service {
  readonly #windows: Windows;

  constructor(readonly state: ServiceState) {
    this.#windows = new Windows(state.windows);
  }

  config(): Bytes {
    return configOf(this.state.uri, this.state.outer, this.state.inner);
  }

  /** Publish one more generation of each kind (ADDR-35); what ended is erased with `erase`. */
  rotate(outer: SecretGeneration, inner: SecretGeneration): void {
    const most = Math.max(this.state.outer.length, this.state.inner.length);
    demand(most < P.GENERATIONS_MAX, "limit", "too many generations"); // ADDR-35
    this.state.outer = [...this.state.outer, outer];
    this.state.inner = [...this.state.inner, inner];
  }

  /** Forget secrets of generations that ended (ADDR-27), and epochs and spent indices of the past (ADDR-23). */
  erase(now: Uint): void {
    this.state.outer = this.state.outer.filter((one) => now < one.untilS);
    this.state.inner = this.state.inner.filter((one) => now < one.untilS);
    this.#windows.erase(now);
    for (const root of this.state.roots.values()) {
      for (const [index, untilS] of root.spent) if (untilS <= now) root.spent.delete(index);
    }
  }

  /** Register a root of two-layer/1; again with another key is refused (RECV-6). */
  register(root: Bytes, verifyKey: Bytes): void {
    demand(
      root.length === P.ROOT_BYTES && verifyKey.length === P.KEY_BYTES,
      "malformed",
      "a root or key of another length",
    );
    const held = this.state.roots.get(hex(root));
    demand(held === undefined || equal(held.verifyKey, verifyKey), "refused", "registered with another key");
    if (held === undefined) this.state.roots.set(hex(root), { verifyKey, spent: new Map() });
  }

  revoke(root: Bytes): void {
    this.state.roots.delete(hex(root)); // ADDR-24
  }

  registerEpoch(root: Bytes, epoch: Uint, key: Bytes, validUntilS: Uint, capacity: Uint, lanes: Uint): void {
    demand(root.length === P.ROOT_BYTES && key.length === P.KEY_BYTES, "malformed", "a root or key of another length");
    demand(epoch <= P.EPOCH_MAX, "limit", "an epoch beyond the largest"); // ADDR-34
    demand(capacity >= 1 && capacity <= P.GRANT_CAPACITY_MAX, "limit", "a capacity beyond its bounds"); // ADDR-33
    demand(lanes >= 1 && lanes <= P.LANE_MAX, "limit", "a number of lanes beyond its bounds"); // ADDR-33
    const date = checkHour(validUntilS); // ADDR-4
    this.#windows.register(root, Number(epoch), {
      key,
      validUntilS: date,
      capacity: Number(capacity),
      lanes: Number(lanes),
    });
  }

  revokeEpochs(root: Bytes, epoch: Uint | null): void {
    this.#windows.revoke(root, epoch === null ? null : Number(epoch)); // ADDR-24
  }

  /** Resolve an address of two-layer/1 (ADDR-15). */
  async resolve(sda: Bytes, ciphertext: Bytes, now: Uint): Promise<Resolved> {
    demand(sda.length === P.SDA_BYTES, "malformed", "an address of another length");
    const outer = live(this.state.outer, sda[0] ?? 0, now);
    const outerInfo = sealInfo(P.LABELS.outer, 1, outer.number, this.state.uri, sha256(ciphertext)); // ADDR-12
    const rdas = await open(CLASSICAL, outer.secret, outerInfo, slice(sda, 1));
    const rda = slice(rdas, 0, P.RDA_BYTES);
    const inner = live(this.state.inner, rda[0] ?? 0, now);
    const plaintext = await open(
      CLASSICAL,
      inner.secret,
      sealInfo(P.LABELS.inner, 1, inner.number, this.state.uri),
      slice(rda, 1),
    );
    const root = slice(plaintext, 0, P.ROOT_BYTES);
    const index = readNumber(plaintext, P.ROOT_BYTES, 4);
    const validUntilS = readNumber(plaintext, P.ROOT_BYTES + 4, 4) * P.HOUR_S;
    const held = this.state.roots.get(hex(root));
    demand(held !== undefined, "unknown", "a root that is not registered");
    demand(
      verifies(held.verifyKey, P.LABELS.address, rda, slice(rdas, P.RDA_BYTES)),
      "forged",
      "a signature of nobody",
    ); // ADDR-7
    demand(now < validUntilS, "expired", "an address whose date has come"); // ADDR-16
    demand(!held.spent.has(index), "replayed", "a spent address");
    return { root, index, validUntilS };
  }

  spend(resolved: Resolved): void {
    this.state.roots.get(hex(resolved.root))?.spent.set(resolved.index, resolved.validUntilS); // ADDR-17
  }

  /** Resolve an envelope of label/1 (ADDR-21). */
  async resolveLabel(sealed: Bytes, now: Uint): Promise<ResolvedLabel> {
    demand(sealed.length > P.LABEL_OVERHEAD_BYTES, "malformed", "an envelope without a ciphertext");
    const outer = live(this.state.outer, sealed[0] ?? 0, now);
    const plaintext = await open(
      CLASSICAL,
      outer.secret,
      sealInfo(P.LABELS.seal, 2, outer.number, this.state.uri),
      slice(sealed, 1),
    );
    const found = this.#windows.find(slice(plaintext, 0, P.LABEL_BYTES));
    demand(found !== null, "unknown", "a label of no window"); // ADDR-22
    demand(now < found.validUntilS, "expired", "an epoch whose date has come"); // ADDR-16
    return { ...found, ciphertext: slice(plaintext, P.LABEL_BYTES) };
  }

  spendLabel(found: Labelled): void {
    this.#windows.spend(found); // ADDR-17
  }

  /** Resolve a request of either profile; its ciphertext has a size class (ENV-9). */
  async resolveRequest(request: Bytes, now: Uint): Promise<Arrived> {
    const read = decodeRequest(request);
    if (read.profile === 1) {
      const found = await this.resolve(read.address, read.ciphertext, now);
      return { ...found, ciphertext: read.ciphertext, epoch: null, spend: () => this.spend(found) };
    }
    const found = await this.resolveLabel(read.sealed, now);
    checkClass(found.ciphertext);
    return {
      root: found.root,
      ciphertext: found.ciphertext,
      index: found.index,
      epoch: found.epoch,
      spend: () => this.spendLabel(found),
    };
  }
}

/** The live generation of a number: whatever is not live is unknown (ADDR-14). */
function live(generations: readonly SecretGeneration[], number: number, now: Uint): SecretGeneration {
  const found = generations.find((one) => one.number === number && isLive(one, now));
  demand(found !== undefined, "unknown", "a generation that is not live");
  return found;
}
