/**
 * What a device does with deliveries: it opens them in the session, an old one, or as an opening of RESYNC.
 *
 * What does not open is dropped and confirmed: the sender of a message that was spoilt on its way sends it again
 * (DELIV-9), and what nobody can open must not be fetched for ever.
 */

import { type Body, decodeBody, KIND } from "../body.js";
import { type Bytes, type Uint } from "../bytes.js";
import { decodeDelivery, type Delivery } from "../envelope.js";
import { highest } from "../received.js";
import { Refusal } from "../refusal.js";
import { answer, openBody, type Opened, type Session } from "../session.js";
import { noteSpent, renew } from "./grants.js";
import { hear, revoke } from "./hearing.js";
import { adopt, hearResync, ownPrevails, suspectRestored, synchronise, takeSetOnly } from "./resync.js";
import { escalate } from "./speaking.js";
import type { Work } from "./work.js";

export interface Message {
  readonly number: number;
  readonly content: Bytes;
}

/** Return what a step gives, or null where it refuses. */
async function unless<T>(step: () => Promise<T> | T): Promise<T | null> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

export async function receive(work: Work, deliveries: readonly Bytes[], uri: string): Promise<[Message[], Uint[]]> {
  const messages: Message[] = [];
  const confirmed: Uint[] = [];
  for (const encoded of deliveries) {
    const delivery = await unless(() => decodeDelivery(encoded));
    if (delivery === null) continue;
    const message = await open(work, delivery, uri);
    if (message !== null) messages.push(message);
    confirmed.push(delivery.number); // DELIV-27: the copy that this works on is kept before the answer leaves
  }
  if (work.of.ended) revoke(work);
  else await escalate(work);
  return [messages, confirmed];
}

async function open(work: Work, delivery: Delivery, uri: string): Promise<Message | null> {
  const { of, now, draws } = work;
  noteSpent(work, uri, delivery.index, delivery.epoch);
  if (of.session === null) return null;
  const { session } = of;
  const current = await unless(() => openBody(session, delivery.ciphertext, now, draws));
  if (current !== null) {
    of.session = current.session;
    return understand(work, current, uri);
  }
  const old = await openOld(work, delivery.ciphertext);
  if (old !== null) return understandOld(work, old, uri);
  const anew = await openAnew(work, delivery.ciphertext, session);
  return anew === null ? null : understandAnew(work, anew, uri);
}

async function openOld(work: Work, ciphertext: Bytes): Promise<Opened | null> {
  for (const kept of work.of.old) {
    if (kept.untilS <= work.now) continue;
    const opened = await unless(() => openBody(kept.session, ciphertext, work.now, work.draws));
    if (opened === null) continue;
    kept.session = opened.session;
    return opened;
  }
  return null;
}

async function openAnew(work: Work, ciphertext: Bytes, session: Session): Promise<Opened | null> {
  const { of, now, draws } = work;
  const { identity, suite, adoptedS } = of;
  return unless(() => answer(identity, session.peer, suite, session.restartKey, adoptedS, ciphertext, now, draws));
}

/** A body of the current session. */
async function understand(work: Work, opened: Opened, uri: string): Promise<Message | null> {
  const body = await unless(() => decodeBody(opened.body));
  if (body === null) return null;
  await synchronise(work, body);
  if (body.kind === KIND.resync && opened.session.restartedS !== null) await repeated(work, body, uri);
  return said(work, body, uri);
}

/** A RESYNC of an opening that was adopted already: its first body was another, or it came on two ways. */
async function repeated(work: Work, body: Body, uri: string): Promise<void> {
  if (work.of.heardS === work.of.newestS) return;
  work.of.heardS = work.of.newestS;
  await hearResync(work, body, uri);
}

/** A body of an old session: no message beyond what was received, once the new one was spoken in (PORT-27). */
async function understandOld(work: Work, opened: Opened, uri: string): Promise<Message | null> {
  const body = await unless(() => decodeBody(opened.body));
  if (body === null) return null;
  const { of } = work;
  const beyond = body.number !== null && body.number > highest(of.received);
  if (body.kind === KIND.resync || (of.spoke && of.resync === null && beyond)) return null;
  return said(work, body, uri);
}

/** The first body that came with an opening of RESYNC. */
async function understandAnew(work: Work, opened: Opened, uri: string): Promise<Message | null> {
  const body = await unless(() => decodeBody(opened.body));
  if (body === null) return null;
  if (ownPrevails(work, opened.session.peer)) {
    takeSetOnly(work, opened.body);
    return null;
  }
  adopt(work, opened.session);
  await synchronise(work, body);
  if (body.kind === KIND.resync) await repeated(work, body, uri);
  return said(work, body, uri);
}

async function said(work: Work, body: Body, uri: string): Promise<Message | null> {
  const { message, restored } = await hear(work, body, uri);
  if (restored)
    suspectRestored(work); // PORT-18
  else if (work.of.outbox.size > 0) await renew(work);
  return message;
}
