/**
 * What a device does by itself, and what a person decides: waking, moving, leaving, ending.
 */

import type { Bytes } from "../bytes.js";
import { hex } from "../bytes.js";
import * as P from "../parameters.js";
import { add, covers } from "../received.js";
import { idleRenewalS, isReleased, moveTo, renew, renewIdle } from "./grants.js";
import { finish, revoke } from "./hearing.js";
import { isSuspect, reachable } from "./paths.js";
import { begin } from "./resync.js";
import * as speaking from "./speaking.js";
import { isConfirmed } from "./speaking.js";
import type { Person, ServiceRequest } from "./state.js";
import type { Work } from "./work.js";

/** How soon a service that was silent is tried again. */
const PATIENCE_S = P.HOUR_S;

/** When `wake` has something to do; null for never. */
export function deadline(work: Work): number | null {
  const { of, now } = work;
  const dates: number[] = [];
  if (of.ended) return of.revoking.size > 0 ? now + PATIENCE_S : null;
  if (of.resync !== null) return of.resync.dueS;
  for (const outgoing of of.outbox.values())
    dates.push(Math.min(outgoing.dueS, outgoing.acceptedS + P.MESSAGE_LIFETIME_S));
  for (const date of [of.receiptDueS, of.readDueS, of.notice?.dueS ?? null]) if (date !== null) dates.push(date);
  if (of.mine.length > 0 && of.credit > 0) dates.push(idleRenewalS(work));
  if (of.requested < of.held.version && of.credit > 0) dates.push(speaking.askS(work));
  const finite = dates.filter((date) => Number.isFinite(date));
  return finite.length ? Math.max(now + 1, Math.min(...finite)) : null;
}

/** Do what is due. */
export async function wake(work: Work): Promise<void> {
  const { of } = work;
  if (of.ended) return revoke(work);
  if (of.session === null || of.invitation !== null) return;
  if (of.resync !== null) return begin(work);
  await speaking.escalate(work);
  await speaking.commands(work);
  if (of.credit > 0 && idleRenewalS(work) <= work.now && (await renewIdle(work))) await speaking.sendUpdate(work); // STATE-21
  await speaking.askUpdate(work);
}

export async function submit(work: Work, content: Bytes): Promise<number> {
  if (!work.of.ended && work.of.resync === null) await renew(work); // STATE-6
  return speaking.submit(work, content);
}

/** A sending service says that a receiving service does not answer (DELIV-6). */
export async function unreachable(work: Work, uri: string, reference: string): Promise<void> {
  const { of, now } = work;
  if (of.ended || of.resync !== null) return;
  of.suspects.set(uri, now + P.SUSPECT_S);
  const [, number] = reference.split(":");
  const outgoing = number ? of.outbox.get(Number(number)) : undefined;
  if (outgoing === undefined || outgoing.uri !== uri) return;
  const others = reachable(work, !isConfirmed(work)).filter(({ entry }) => !isSuspect(work, entry.uri));
  if (others.length > 0) await speaking.sendMessage(work, outgoing);
}

/** Replace a receiving service; nothing here waits for the one that is replaced (STATE-23). */
export async function move(
  work: Work,
  receiving: readonly string[],
  sending: readonly string[],
  announceS: number,
): Promise<void> {
  const { of } = work;
  of.sending = sending;
  await moveTo(work, receiving);
  of.credit += 1; // STATE-12
  of.notice = { dueS: announceS, attempts: 0, version: of.version, told: false };
}

/** Remember what the person has seen, and let the peer know after a while (CONT-10). */
export function markRead(work: Work, numbers: readonly number[]): void {
  const { of } = work;
  for (const number of numbers) if (covers(of.received, number)) of.read = add(of.read, number); // CONT-12
  of.readDueS ??= work.laterS();
}

export async function end(work: Work, tell: boolean): Promise<void> {
  if (tell && !work.of.ended && work.of.resync === null && work.of.session !== null) await speaking.tellEnd(work); // DELIV-31
  finish(work);
  revoke(work);
}

/** Leave a service if no address of any relationship points to it and nothing is stored there (STATE-11, PORT-5). */
export function leave(
  person: Person,
  works: readonly Work[],
  uri: string,
  empty: readonly Bytes[],
): ServiceRequest[] | null {
  const stores = new Set(empty.map(hex));
  const requests: ServiceRequest[] = [];
  for (const work of works) {
    const place = work.of.places.get(uri);
    if (place === undefined) continue;
    if (work.of.receiving.includes(uri) && !work.of.ended) return null;
    if (!isReleased(work, uri) || !stores.has(hex(place.root))) return null;
    requests.push({ op: "revoke", uri, root: place.root });
  }
  for (const relationship of person.relationships.values()) relationship.places.delete(uri);
  return requests;
}
