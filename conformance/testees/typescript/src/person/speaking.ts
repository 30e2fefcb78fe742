/**
 * What an end sends: bodies, their paths, and when what is not acknowledged goes out again (chapter 6).
 *
 * Every transmission carries the receipt, the version of the peer's set that is held, and the own set until the peer
 * has confirmed it (DELIV-17, STATE-15, STATE-16). It is a new message of the session to a fresh address (SES-23).
 */

import { type Body, encodeBody, KIND } from "../body.js";
import { type Bytes } from "../bytes.js";
import { encode } from "../cbor.js";
import { encodeSubmission, sealRequest } from "../envelope.js";
import * as P from "../parameters.js";
import { receivedValue, sayable } from "../received.js";
import { demand, Refusal } from "../refusal.js";
import { room, sealBody } from "../session.js";
import { currentSet } from "./grants.js";
import { choose, type Path, reachable, takeAddress, takeSender } from "./paths.js";
import type { Outgoing } from "./state.js";
import type { Work } from "./work.js";

export interface Said {
  readonly kind: number;
  readonly number: number | null;
  readonly content: Bytes | null;
}

const bare = (kind: number): Said => ({ kind, number: null, content: null });

export function isConfirmed(work: Work): boolean {
  return work.of.confirmed >= work.of.version;
}

/** The encoding of a body, with the own set where it is due and fits. */
function bodyOf(work: Work, said: Said, withSet: boolean): Bytes {
  const { of } = work;
  const state = { received: sayable(of.received), holds: of.held.version, digests: null };
  const body: Body = { ...said, ...state, set: withSet ? currentSet(work) : null };
  return encodeBody(body);
}

function fitting(work: Work, said: Said, withSet: boolean): Bytes {
  const space = work.of.session === null ? 0 : room(work.of.session);
  if (withSet) {
    try {
      const whole = bodyOf(work, said, true);
      if (whole.length <= space) return whole;
    } catch (error) {
      if (!(error instanceof Refusal) || error.kind !== "too-large") throw error; // STATE-15: a content leaves no room
    }
  }
  return bodyOf(work, said, false);
}

/** Encrypt a body in the current session, and keep the next state of it before a byte leaves (SES-15). */
export async function sealed(work: Work, said: Said, withSet: boolean): Promise<Bytes> {
  const { of, draws } = work;
  demand(of.session !== null, "refused", "there is no session");
  const { session, ciphertext } = await sealBody(of.session, fitting(work, said, withSet), draws);
  of.session = session;
  return ciphertext;
}

/** Send by one path. */
async function sendBy(work: Work, path: Path, said: Said): Promise<void> {
  const { of, now, draws } = work;
  const withSet = !isConfirmed(work) && (of.resync === null || said.kind === KIND.resync);
  const ciphertext = await sealed(work, said, withSet || said.kind === KIND.resync);
  const address = takeAddress(work, path);
  const request = await sealRequest(path.entry, address, ciphertext, now, draws);
  const notAfterS = Math.min(now + P.QUEUE_LIFETIME_S, path.grant.validUntilS); // DELIV-22
  const submission = encodeSubmission({ uri: path.entry.uri, request, notAfterS, delayMeanS: 0 });
  work.transmissions.push({
    via: path.via,
    uri: path.entry.uri,
    submission,
    reference: `${said.kind}:${said.number ?? ""}`,
  });
  of.receiptDueS = null; // DELIV-14: something carried it
  of.spoke = true;
}

/** Send a command by one path; false where there is none. */
export async function sendOne(work: Work, said: Said, apart: string | null = null): Promise<boolean> {
  const path = choose(work, !isConfirmed(work), apart);
  if (path === null) return false;
  await sendBy(work, path, said);
  return true;
}

/** Send a command to every receiving service of the peer (DELIV-15), as far as `may` allows; tell how many. */
export async function sendAll(
  work: Work,
  said: Said,
  may: () => boolean = () => true,
  longTermFirst = false,
): Promise<number> {
  let sent = 0;
  for (const { entry, grant } of reachable(work, longTermFirst || !isConfirmed(work), longTermFirst)) {
    if (!may()) break;
    const via = takeSender(work, entry.uri);
    if (via === null) break;
    await sendBy(work, { via, entry, grant }, said);
    sent += 1;
  }
  return sent;
}

/** Send a message that waits, and plan when it goes out again (DELIV-9). */
export async function sendMessage(work: Work, of: Outgoing): Promise<void> {
  const path = choose(work, !isConfirmed(work));
  const pause = P.ESCALATE_AFTER_S * 2 ** Math.max(0, of.attempts - (path === null ? 1 : 0));
  if (path === null) {
    of.uri = null;
    of.dueS = work.now + (work.of.sending.every((uri) => work.isSilent(uri)) ? P.RETRY_S_MAX : pause);
    return;
  }
  await sendBy(work, path, { kind: KIND.message, number: of.number, content: of.content });
  if (work.of.notice !== null) work.of.notice.told = true;
  of.uri = path.entry.uri;
  of.attempts += 1;
  of.dueS = work.now + pause;
}

/** Accept a message of the person: it is in the outbox from now on (DELIV-3). */
export async function submit(work: Work, content: Bytes): Promise<number> {
  const { of, now } = work;
  const ready = of.ended || (of.session !== null && of.resync === null);
  demand(ready, "refused", "the ends are not synchronised"); // PORT-17
  const number = of.next;
  of.next += 1; // DELIV-1
  if (of.ended) return number; // PORT-13: it failed at once
  bodyOf(work, { kind: KIND.message, number, content }, false); // ENV-20: what never fits is refused before it is kept
  const outgoing = { number, content, acceptedS: now, dueS: now, attempts: 0, uri: null };
  of.outbox.set(number, outgoing);
  of.credit += 1; // STATE-12
  await sendMessage(work, outgoing);
  return number;
}

/** Send again what is due, and give up what is too old (DELIV-9, DELIV-10). */
export async function escalate(work: Work): Promise<void> {
  const { of, now } = work;
  for (const [number, outgoing] of of.outbox) {
    if (now >= outgoing.acceptedS + P.MESSAGE_LIFETIME_S) of.outbox.delete(number);
    else if (outgoing.dueS <= now) await sendMessage(work, outgoing);
  }
}

/** Send at once what went to a service that the peer left, or found no address (DELIV-19). */
export async function sendStranded(work: Work): Promise<void> {
  const uris = work.of.held.entries.map((entry) => entry.uri);
  for (const outgoing of work.of.outbox.values()) {
    if (outgoing.uri !== null && uris.includes(outgoing.uri)) continue;
    if (reachable(work, !isConfirmed(work)).length > 0) await sendMessage(work, outgoing);
  }
}

/** The commands that wait for a time of their own. */
export async function commands(work: Work): Promise<void> {
  await receipt(work);
  await announce(work);
  await read(work);
}

async function receipt(work: Work): Promise<void> {
  const { of, now } = work;
  if (of.receiptDueS === null || of.receiptDueS > now) return;
  if (reachable(work, !isConfirmed(work)).length === 0 || !work.spendCredit()) {
    of.receiptDueS = work.laterS();
    return;
  }
  if (!(await sendOne(work, bare(KIND.receipt), of.receiptFrom))) of.receiptDueS = work.laterS();
}

/** Announce a move to a peer that no message has told of it, and again until the new set is confirmed (STATE-24). */
async function announce(work: Work): Promise<void> {
  const { of, now } = work;
  const { notice } = of;
  if (notice === null || notice.dueS > now) return;
  if (!notice.told) {
    if (notice.attempts === 0)
      await sendAll(work, bare(KIND.moved)); // DELIV-15
    else await sendOne(work, bare(KIND.moved));
    notice.attempts += 1;
  }
  notice.told = false;
  notice.dueS = now + P.ESCALATE_AFTER_S * 2 ** Math.max(0, notice.attempts - 1);
}

async function read(work: Work): Promise<void> {
  const { of, now } = work;
  if (of.readDueS === null || of.readDueS > now) return;
  of.readDueS = null;
  const content = encode(receivedValue(of.read));
  if (!work.spendCredit() || !(await sendOne(work, { kind: KIND.read, number: null, content })))
    of.readDueS = work.laterS();
}

/** Tell the peer of the end, at every receiving service (6.8). */
export async function tellEnd(work: Work): Promise<void> {
  await sendAll(work, bare(KIND.end));
}

export async function sendUpdate(work: Work): Promise<void> {
  await sendAll(work, bare(KIND.update), () => work.spendCredit()); // DELIV-15
}

/** Ask once for a newer set, when the last long-term grant of the peer is about to end (STATE-29). */
export async function askUpdate(work: Work): Promise<void> {
  const { of } = work;
  if (of.requested >= of.held.version || work.now < askS(work) || !work.spendCredit()) return;
  of.requested = of.held.version;
  await sendOne(work, bare(KIND.requestUpdate));
}

export function askS(work: Work): number {
  const long = work.of.held.entries.flatMap((entry) => entry.grants.filter((grant) => grant.longTerm));
  return Math.max(...long.map((grant) => grant.validUntilS)) - P.LONG_TERM_REFRESH_S / 4;
}
