/**
 * The core of a sending service (8.3, 6.5): it keeps what it took until a receiving service has it or its time is over.
 *
 * Time and randomness are given. A submission that is repeated gets its ticket again and is forwarded once (DELIV-25).
 * The next attempt is planned before one is made, so that a service which dies in between tries again by itself.
 */

import { type Bytes, hex, readNumber } from "./bytes.js";
import type { Draws } from "./draws.js";
import { decodeSubmission } from "./envelope.js";
import * as P from "./parameters.js";
import { sha256 } from "./primitives.js";
import { demand, type ErrorClass } from "./refusal.js";

/** Means of the delay that are offered, in seconds. */
const DELAYS_S = [0, 60, 600];

interface Queued {
  readonly uri: string;
  readonly request: Bytes;
  readonly notAfterS: number;
  state: "queued" | "forwarded" | "refused" | "expired";
  nextS: number;
  pauseS: number;
  /** Since when the receiving service has been silent; null where it answered, or was not asked yet. */
  silentS: number | null;
  noticed: boolean;
}

/** All that has to be kept: plain data. */
export interface SenderState {
  readonly queue: Map<string, Queued>;
  /** Tickets by the digest of their submissions. */
  readonly tickets: Map<string, string>;
}

export function newSender(): SenderState {
  return { queue: new Map(), tickets: new Map() };
}

export interface Attempt {
  readonly ticket: string;
  readonly uri: string;
  readonly request: Bytes;
}

/** A factor between one half and one (DELIV-11). */
function factor(draws: Draws): number {
  return 0.5 + readNumber(draws.draw("sender.pause", 4), 0, 4) / 2 ** 33;
}

/** An exponential delay of a mean (SEND-7). */
function delay(meanS: number, draws: Draws): number {
  if (meanS === 0) return 0;
  const uniform = (readNumber(draws.draw("sender.delay", 4), 0, 4) + 1) / (2 ** 32 + 1);
  return Math.round(-Math.log(uniform) * meanS);
}

export function submit(state: SenderState, submission: Bytes, now: number, draws: Draws): string {
  const digest = hex(sha256(submission));
  const known = state.tickets.get(digest);
  if (known !== undefined) return known; // DELIV-25
  const { uri, request, notAfterS, delayMeanS } = decodeSubmission(submission);
  demand(notAfterS > now, "expired", "a submission whose time has passed"); // SEND-5
  demand(DELAYS_S.includes(delayMeanS), "refused", "a delay that is not offered"); // SEND-6
  const ends = Math.min(Number(notAfterS), now + P.QUEUE_LIFETIME_S); // SEND-4
  const starts = Math.max(now, Math.min(now + delay(delayMeanS, draws), ends - P.RETRY_S_MIN));
  const ticket = hex(draws.draw("sender.ticket", 16)); // SEND-3
  const rest = { state: "queued" as const, nextS: starts, pauseS: P.RETRY_S_MIN, silentS: null, noticed: false };
  state.queue.set(ticket, { uri, request, notAfterS: ends, ...rest });
  state.tickets.set(digest, ticket);
  return ticket;
}

/** Return what is to be posted now; each is followed by `outcome`. */
export function due(state: SenderState, now: number, draws: Draws): Attempt[] {
  const attempts: Attempt[] = [];
  for (const [ticket, of] of state.queue) {
    if (of.state !== "queued") continue;
    if (now >= of.notAfterS)
      of.state = "expired"; // DELIV-11
    else if (of.nextS <= now) {
      of.nextS = now + Math.max(1, Math.round(of.pauseS * factor(draws)));
      of.pauseS = Math.min(of.pauseS * 2, P.RETRY_S_MAX); // DELIV-11
      of.silentS ??= now;
      attempts.push({ ticket, uri: of.uri, request: of.request });
    }
  }
  return attempts;
}

/** When `due` has something to do, or null for never. */
export function next(state: SenderState): number | null {
  const dates = [...state.queue.values()]
    .filter((of) => of.state === "queued")
    .map((of) => Math.min(of.nextS, of.notAfterS));
  return dates.length ? Math.min(...dates) : null;
}

/** Take note of what became of an attempt; tell whether the device is to be told that nobody answers (DELIV-24). */
export function outcome(
  state: SenderState,
  ticket: string,
  answered: boolean,
  refusal: ErrorClass | null,
  now: number,
): boolean {
  const of = state.queue.get(ticket);
  if (of?.state !== "queued") return false;
  if (answered) {
    of.silentS = null;
    if (refusal !== "limit") of.state = refusal === null ? "forwarded" : "refused"; // SEND-10
    return false;
  }
  if (of.noticed || !unreachable(of, now)) return false;
  of.noticed = true;
  return true;
}

function unreachable(of: Queued, now: number): boolean {
  return of.state === "queued" && of.silentS !== null && now - of.silentS >= P.UNREACHABLE_NOTICE_S;
}

export function status(state: SenderState, ticket: string, now: number): { state: string; unreachable: boolean } {
  const of = state.queue.get(ticket);
  if (of === undefined) return { state: "expired", unreachable: false }; // SEND-13
  return { state: of.state, unreachable: unreachable(of, now) };
}
