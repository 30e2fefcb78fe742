/**
 * What an end does with a body of the peer (3.5, chapters 5, 6, 11).
 *
 * A body says what arrived, which set is held, what the sender's own set is, and then what its kind says. Everything
 * but a message is said again by the next body, so order does not matter.
 */

import { type Body, KIND, seenOf } from "../body.js";
import type { Bytes } from "../bytes.js";
import { add, covers, highest } from "../received.js";
import { renew } from "./grants.js";
import { sendStranded } from "./speaking.js";
import type { Work } from "./work.js";

export interface Heard {
  readonly message: { readonly number: number; readonly content: Bytes } | null;
  /** The peer holds what was never made: one of the two was restored (PORT-18). */
  readonly restored: boolean;
}

/** Take note of what a body says. `uri` is where it came, null for one that was handed over. */
export async function hear(work: Work, body: Body, uri: string | null): Promise<Heard> {
  const { of } = work;
  const restored = body.holds > of.version || highest(body.received) >= of.next; // PORT-18
  if (restored) return { message: null, restored };
  confirm(work, body.holds);
  for (const number of of.outbox.keys()) if (covers(body.received, number)) of.outbox.delete(number); // DELIV-3
  const newer = body.set !== null && body.set.version > of.held.version; // STATE-1
  if (newer && body.set !== null) of.held = body.set;
  const message = await obey(work, body, uri, newer);
  if (newer && !of.ended) await sendStranded(work);
  return { message, restored };
}

function confirm(work: Work, holds: number): void {
  const { of, now } = work;
  of.confirmed = Math.max(of.confirmed, holds); // STATE-16
  for (const withdrawn of of.withdrawn.values()) {
    if (of.confirmed >= withdrawn.version) withdrawn.sinceS ??= now; // STATE-10
  }
  if (of.notice !== null && of.confirmed >= of.notice.version) of.notice = null; // STATE-24
}

async function obey(work: Work, body: Body, uri: string | null, newer: boolean): Promise<Heard["message"]> {
  const { of } = work;
  switch (body.kind) {
    case KIND.message:
      return take(work, body, uri);
    case KIND.requestUpdate:
      of.confirmed = 0; // STATE-30
      return null;
    case KIND.end:
      finish(work);
      return null;
    case KIND.moved:
      if (newer) of.credit += 1; // STATE-12
      acknowledge(work, uri);
      return null;
    case KIND.read:
      of.seenByPeer = seenOf(body.content);
      return null;
    default:
      return null;
  }
}

/** Hand a message to the application, once (DELIV-2). */
async function take(work: Work, body: Body, uri: string | null): Promise<Heard["message"]> {
  const { of } = work;
  const { number, content } = body;
  if (number === null || of.ended) return null; // DELIV-23
  acknowledge(work, uri);
  if (covers(of.received, number)) return null;
  of.received = add(of.received, number); // DELIV-12
  of.credit += 1; // STATE-12
  await renew(work);
  return { number, content: content ?? new Uint8Array(0) };
}

/** Acknowledge after a while, with whatever goes out, or alone (DELIV-14). */
export function acknowledge(work: Work, uri: string | null): void {
  work.of.receiptDueS ??= work.laterS();
  work.of.receiptFrom = uri;
}

/** The relationship is over: nothing is sent any more, and every root is revoked (PORT-12, PORT-13, DELIV-29). */
export function finish(work: Work): void {
  const { of } = work;
  if (of.ended) return;
  of.ended = true;
  of.outbox.clear();
  of.receiptDueS = null;
  of.readDueS = null;
  of.notice = null;
  of.resync = null;
  for (const uri of of.places.keys()) of.revoking.add(uri);
}

/** Ask the services that answer to revoke; when all were asked, erase the keys (PORT-11). */
export function revoke(work: Work): void {
  const { of } = work;
  for (const uri of [...of.revoking]) {
    const place = of.places.get(uri);
    if (work.isSilent(uri) || place === undefined) continue;
    work.requests.push({ op: "revoke", uri, root: place.root });
    of.revoking.delete(uri);
  }
  if (of.revoking.size > 0) return;
  of.session = null;
  of.old.length = 0;
  of.mine = [];
  of.past = [];
  of.held = { version: of.held.version, entries: [] };
  of.stock.clear();
}
