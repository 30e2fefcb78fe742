/**
 * The set that an end hands out: issuing, renewing, moving (chapter 5).
 *
 * A set is complete: for each receiving service of the person a long-term and an ephemeral grant (STATE-2). Each change
 * gives it a higher version (STATE-14). Where a service does not answer, what is valid there stays (STATE-4).
 */

import { epochKey, issue } from "../addresses.js";
import type { Config } from "../config.js";
import * as P from "../parameters.js";
import { verifyKey } from "../primitives.js";
import { demand } from "../refusal.js";
import type { AddressSet, Entry, Grant, GrantSecret } from "../sets.js";
import type { OwnGrant, Place } from "./state.js";
import type { Work } from "./work.js";

/** Indices of two-layer/1 follow from serials, so that a restored owner who leaves serials out leaves indices out. */
const INDICES_OF_A_SERIAL = 8;

function configOf(work: Work, uri: string): Config {
  const config = work.person.configs.get(uri);
  demand(config !== undefined, "unknown", "a receiving service of which nothing is known");
  return config;
}

/** The root at a service; drawn and registered where there is none (ADDR-5, ADDR-8). */
function placeAt(work: Work, uri: string): Place {
  const held = work.of.places.get(uri);
  if (held !== undefined) return held;
  const { draws } = work;
  const [root, signingSeed, secret] = [
    draws.draw("person.root", 16),
    draws.draw("person.signing", 32),
    draws.draw("person.secret", 32),
  ];
  const place = { root, signingSeed, secret, serial: 0, registered: true, lastUntilS: 0 };
  work.of.places.set(uri, place);
  work.requests.push({
    op: "register",
    uri,
    root,
    verifyKey: work.person.profile === 1 ? verifyKey(signingSeed) : null,
  });
  return place;
}

async function issueAt(work: Work, uri: string, longTerm: boolean, version: number): Promise<OwnGrant> {
  const place = placeAt(work, uri);
  const lifetime = longTerm ? P.LONG_TERM_LIFETIME_S : P.EPHEMERAL_LIFETIME_S;
  const validUntilS = Math.ceil((work.now + lifetime) / P.HOUR_S) * P.HOUR_S; // STATE-5
  place.serial += 1; // STATE-18
  place.lastUntilS = Math.max(place.lastUntilS, validUntilS);
  work.of.withdrawn.delete(uri); // STATE-27
  const common = { uri, serial: place.serial, longTerm, validUntilS, version, spent: new Set<number>() };
  if (work.person.profile === 2) {
    const key = epochKey(place.secret, place.serial);
    const capacity = P.GRANT_CAPACITY_MAX;
    work.requests.push({ op: "issue", uri, root: place.root, epoch: place.serial, key, validUntilS, capacity });
    return { ...common, capacity, key, batch: [] };
  }
  const capacity = longTerm ? P.BATCH_LONG_TERM : P.BATCH_EPHEMERAL;
  const first = place.serial * INDICES_OF_A_SERIAL; // ADDR-10
  const what = { config: configOf(work, uri), root: place.root, signingSeed: place.signingSeed };
  const batch = await issue({ ...what, first, count: capacity, validUntilS }, work.now, work.draws);
  return { ...common, capacity, key: null, batch };
}

/** Put new grants in the place of some, at every service that answers, or at all in a first set (STATE-8). */
async function replace(
  work: Work,
  which: (uri: string, longTerm: boolean) => boolean,
  first = false,
): Promise<boolean> {
  const { of } = work;
  const version = of.version + 1;
  let changed = false;
  for (const uri of of.receiving) {
    for (const longTerm of [true, false]) {
      if (!which(uri, longTerm) || (!first && work.isSilent(uri))) continue; // STATE-4
      const fresh = await issueAt(work, uri, longTerm, version);
      of.past.push(...of.mine.filter((one) => one.uri === uri && one.longTerm === longTerm));
      of.mine = [...of.mine.filter((one) => one.uri !== uri || one.longTerm !== longTerm), fresh];
      changed = true;
    }
  }
  of.past = of.past.filter((one) => one.validUntilS > work.now);
  if (changed) of.version = version;
  return changed;
}

/** Issue the first set; without ephemeral grants where there is no room for them (4.5). */
export async function issueFirst(work: Work, ephemeral: boolean): Promise<void> {
  await replace(work, (_, longTerm) => longTerm || ephemeral, true);
}

function remaining(grant: OwnGrant | undefined, now: number): number {
  return grant === undefined ? 0 : grant.validUntilS - now;
}

function ownGrant(work: Work, uri: string, longTerm: boolean): OwnGrant | undefined {
  return work.of.mine.find((one) => one.uri === uri && one.longTerm === longTerm);
}

/** Renew, in conversation, what is about to end, half spent, or not there (STATE-6, STATE-2). */
export async function renew(work: Work): Promise<void> {
  await replace(work, (uri, longTerm) => {
    const grant = ownGrant(work, uri, longTerm);
    const refresh = longTerm ? P.LONG_TERM_REFRESH_S : P.EPHEMERAL_REFRESH_S;
    return grant === undefined || remaining(grant, work.now) <= refresh || grant.spent.size * 2 >= grant.capacity;
  });
}

/** When an idle relationship renews a long-term grant by itself (STATE-21). */
export function idleRenewalS(work: Work): number {
  const long = work.of.mine.filter((one) => one.longTerm && work.of.receiving.includes(one.uri));
  return Math.min(...long.map((one) => one.validUntilS)) - P.LONG_TERM_REFRESH_S / 2;
}

/** Renew the long-term grants of which no more than half of the refresh time remains; tell whether any was. */
export async function renewIdle(work: Work): Promise<boolean> {
  return replace(work, (uri, longTerm) => {
    return longTerm && remaining(ownGrant(work, uri, longTerm), work.now) <= P.LONG_TERM_REFRESH_S / 2;
  });
}

/** Put fresh grants in the place of all, as both ends do after a restored backup (12.6). */
export async function renewAll(work: Work): Promise<void> {
  work.of.past.push(...work.of.mine);
  work.of.mine = [];
  if (!(await replace(work, () => true))) work.of.version += 1;
}

/** Use other services from now on: fresh grants at new ones, none at those that are left (STATE-9). */
export async function moveTo(work: Work, receiving: readonly string[]): Promise<void> {
  const { of } = work;
  const left = of.receiving.filter((uri) => !receiving.includes(uri));
  of.receiving = receiving;
  of.past.push(...of.mine.filter((one) => left.includes(one.uri)));
  of.mine = of.mine.filter((one) => !left.includes(one.uri));
  const added = await replace(work, (uri, longTerm) => ownGrant(work, uri, longTerm) === undefined, true);
  if (!added && left.length) of.version += 1; // STATE-14
  for (const uri of left) of.withdrawn.set(uri, { version: of.version, sinceS: null });
}

function secretOf(work: Work, grant: OwnGrant): GrantSecret {
  if (grant.key !== null) return { key: grant.key };
  return { batch: work.of.confirmed >= grant.version ? [] : grant.batch }; // 3.6: it travelled before
}

/** The complete set as it is now. */
export function currentSet(work: Work): AddressSet {
  const { of, person, now } = work;
  const entries = of.receiving.map((uri): Entry => {
    const outer = configOf(work, uri).outer.filter((one) => now < one.untilS);
    const grants = of.mine.filter((one) => one.uri === uri && one.validUntilS > now);
    const written = grants.map((grant): Grant => ({ ...grant, secret: secretOf(work, grant) }));
    return { uri, profile: person.profile, outer, grants: written };
  });
  return { version: of.version, entries: entries.filter((entry) => entry.grants.length > 0) };
}

/** Take note of the address at which a message came. */
export function noteSpent(work: Work, uri: string, index: number, epoch: number | null): void {
  for (const grant of [...work.of.mine, ...work.of.past]) {
    if (grant.uri !== uri) continue;
    const serial = epoch ?? Math.floor(index / INDICES_OF_A_SERIAL);
    if (grant.serial === serial) grant.spent.add(epoch === null ? index % INDICES_OF_A_SERIAL : index);
  }
}

/** Whether no address of the relationship points to a service any more (STATE-10). */
export function isReleased(work: Work, uri: string): boolean {
  const { of, now } = work;
  const place = of.places.get(uri);
  if (place === undefined || place.lastUntilS <= now) return true;
  if (of.ended) return !of.revoking.has(uri);
  const withdrawn = of.withdrawn.get(uri);
  return withdrawn?.sinceS != null && now >= withdrawn.sinceS + P.QUEUE_LIFETIME_S;
}
