/**
 * After a restored backup: both ends agree on a new state before anything else is said (12.6).
 *
 * The numbers in the comments are the steps of the table there.
 */

import { type Body, decodeBody, KIND, nextOf } from "../body.js";
import { type Bytes, compare } from "../bytes.js";
import { encode } from "../cbor.js";
import { signingKeyOf } from "../identity.js";
import * as P from "../parameters.js";
import { covers, highest } from "../received.js";
import { restart, type Session } from "../session.js";
import { renewAll } from "./grants.js";
import { acknowledge } from "./hearing.js";
import { skipUsed } from "./paths.js";
import { sendAll } from "./speaking.js";
import type { Work } from "./work.js";

/** This device was restored, or has to believe so: begin as soon as it is woken. */
export function suspectRestored(work: Work): void {
  const { of, now } = work;
  if (of.ended || of.resync !== null || of.session === null) return;
  of.resync = { dueS: now, attempts: 0, begun: [] };
  of.credit += 1; // STATE-12
  of.receiptDueS = null;
}

function keepOld(work: Work): void {
  const { of, now } = work;
  if (of.session !== null) of.old.push({ session: of.session, untilS: now + P.QUEUE_LIFETIME_S }); // step 4
}

/** Begin anew, if it is time and allowed (PORT-22). */
export async function begin(work: Work): Promise<void> {
  const { of, now, draws } = work;
  const { resync, session } = of;
  if (resync === null || session === null || resync.dueS > now) return;
  const recent = resync.begun.filter((date) => date > now - P.RESYNC_WINDOW_S);
  if (recent.length >= P.RESYNC_ATTEMPTS_MAX) {
    resync.dueS = Math.min(...recent) + P.RESYNC_WINDOW_S; // PORT-22
    return;
  }
  if (resync.attempts === 0) skipUsed(work, P.POSITION_SKIP, P.POSITION_SKIP_AGAIN); // step 2
  const time = Math.max(now, of.newestS + 1);
  keepOld(work);
  of.session = restart(of.identity, session.peer, of.suite, session.restartKey, time, draws);
  of.newestS = time;
  resync.begun.push(now);
  resync.dueS = now + P.ESCALATE_AFTER_S * 2 ** resync.attempts; // DELIV-9
  resync.attempts += 1;
  const content = encode(new Map([[0, of.next]]));
  await sendAll(work, { kind: KIND.resync, number: null, content }, () => true, true); // step 3
}

/** Whether the peer's opening yields to the own one (PORT-21). */
export function ownPrevails(work: Work, peer: Bytes): boolean {
  const { of } = work;
  if (of.resync === null || of.session?.opening == null) return false;
  return compare(signingKeyOf(of.identity.public), signingKeyOf(peer)) < 0;
}

/** The peer's opening is not adopted: take its set, if it is newer, and begin again at once. */
export function takeSetOnly(work: Work, bytes: Bytes): void {
  const { of, now } = work;
  const body = decodeBody(bytes);
  if (body.set === null || body.set.version <= of.held.version) return;
  of.held = body.set;
  skipUsed(work, P.POSITION_SKIP, P.POSITION_SKIP_AGAIN);
  if (of.resync !== null) of.resync.dueS = now;
}

/** Adopt a session that the peer began anew (step 4). */
export function adopt(work: Work, session: Session): void {
  const { of } = work;
  keepOld(work);
  of.session = session;
  of.adoptedS = Number(session.restartedS ?? of.adoptedS);
  of.newestS = Math.max(of.newestS, of.adoptedS);
  of.spoke = false;
}

/** Steps 5 and 6: what the peer's RESYNC says of the past. */
export async function hearResync(work: Work, body: Body, uri: string): Promise<void> {
  const { of } = work;
  const next = nextOf(body.content);
  const lost: [number, number][] = [];
  for (let number = body.received.floor; number < of.next; number++) {
    if (covers(body.received, number) || of.outbox.has(number)) continue;
    const last = lost.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else lost.push([number, number]);
  }
  of.losses.push({ own: lost[0]?.[0] ?? of.next, peer: next, numbers: lost }); // step 5, PORT-25
  for (const outgoing of of.outbox.values()) outgoing.dueS = work.now; // step 5
  of.credit += 1; // STATE-12: a set that came with RESYNC
  await renewAll(work); // step 6
  acknowledge(work, uri);
}

/** Steps 7 to 9: the first body of the peer in the new session. */
export async function synchronise(work: Work, body: Body): Promise<void> {
  const { of, now } = work;
  if (of.resync === null) return;
  of.resync = null;
  of.adoptedS = of.newestS;
  of.losses.push({ own: body.received.floor, peer: of.received.floor, numbers: [] }); // step 8, PORT-25
  of.next = Math.max(of.next, highest(body.received) + 1); // step 7, PORT-23
  of.version = Math.max(of.version, body.holds);
  of.confirmed = 0;
  for (const place of of.places.values()) {
    const least = work.person.profile === 2 ? Math.floor(of.newestS / 60) : 0;
    place.serial = Math.max(place.serial + P.SERIAL_GAP, least); // step 7
  }
  await renewAll(work);
  for (const outgoing of of.outbox.values()) outgoing.dueS = now; // step 9
}
