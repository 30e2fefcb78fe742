/**
 * Meeting in person: a package, the first ciphertext that answers it, and the first reply (4.3).
 *
 *     one shows a package         invite
 *     the other answers           accept: a session begins, and its first ciphertext brings the first set
 *     the one reads the answer    complete: the first reply brings the other first set
 *     the other reads the reply   conclude
 *
 * Both sets travel in the session, as in any body; what kind the two bodies are of does not matter. Everything else is
 * as if they had come through services.
 */

import { decodeBody, KIND } from "../body.js";
import type { Bytes } from "../bytes.js";
import { decode } from "../cbor.js";
import type { Draws } from "../draws.js";
import { checkPackage, identityOf, makePackage, readPackage } from "../identity.js";
import { BACKDATE_S, DAY_S } from "../parameters.js";
import { publicKey } from "../primitives.js";
import { NOTHING } from "../received.js";
import { demand } from "../refusal.js";
import { accept as acceptSession, openBody, start } from "../session.js";
import { record, within } from "../fields.js";
import { hybridPublic } from "../xwing.js";
import { issueFirst } from "./grants.js";
import { hear } from "./hearing.js";
import { sealed } from "./speaking.js";
import type { Person, Relationship } from "./state.js";
import { Work } from "./work.js";

const bare = { kind: KIND.update, number: null, content: null };
const PACKAGE_LIFETIME_S = 7 * DAY_S;

/** Who meets: with which services. */
export interface Meeting {
  readonly relationship: number;
  readonly receiving: readonly string[];
  readonly sending: readonly string[];
}

function relationship(of: Meeting, suite: 1 | 2, draws: Draws): Relationship {
  return {
    number: of.relationship,
    suite,
    identity: identityOf(draws.draw("person.identity", 32), draws.keyPair("person.agreement").secret), // SES-1
    invitation: null,
    session: null,
    old: [],
    receiving: of.receiving,
    sending: of.sending,
    places: new Map(),
    mine: [],
    past: [],
    version: 0,
    confirmed: 0,
    withdrawn: new Map(),
    held: { version: 0, entries: [] },
    stock: new Map(),
    next: 0,
    outbox: new Map(),
    received: NOTHING,
    seenByPeer: NOTHING,
    read: NOTHING,
    credit: 1, // STATE-12: the pairing
    receiptDueS: null,
    receiptFrom: null,
    readDueS: null,
    notice: null,
    requested: 0,
    suspects: new Map(),
    sendingTurn: 0,
    turns: new Map(),
    ended: false,
    revoking: new Set(),
    resync: null,
    newestS: 0,
    adoptedS: 0,
    heardS: 0,
    spoke: false,
    losses: [],
    requests: [],
  };
}

/** Show a package (SES-26). */
export async function invite(person: Person, of: Meeting, now: number, draws: Draws): Promise<Bytes> {
  const added = relationship(of, person.suite, draws);
  const hybrid = person.suite === 2;
  const secret = hybrid ? draws.draw("person.prekey", 32) : draws.keyPair("person.prekey").secret;
  const prekey = hybrid ? await hybridPublic(secret) : publicKey(secret);
  const encoded = makePackage(person.suite, added.identity, prekey, now - BACKDATE_S, now + PACKAGE_LIFETIME_S);
  added.invitation = { secret, package: readPackage(person.suite)(decode(encoded)) };
  person.relationships.set(of.relationship, added);
  return encoded;
}

/** Answer a package with a first ciphertext; a suite below the person's own is refused (EXT-11). */
export async function accept(person: Person, encoded: Bytes, of: Meeting, now: number, draws: Draws): Promise<Bytes> {
  const value = decode(encoded);
  const suite = record(value, 10).read(1, within(1, 2)) as 1 | 2;
  const shown = checkPackage(readPackage(suite)(value), now);
  demand(suite >= person.suite, "refused", "a package of a lower suite"); // EXT-11
  const added = relationship(of, suite, draws);
  added.session = start(added.identity, shown, draws);
  person.relationships.set(of.relationship, added);
  const work = new Work(person, added, now, draws);
  await issueFirst(work, !(suite === 2 && person.profile === 1)); // 4.5: long-term grants alone
  added.requests = work.requests;
  return sealed(work, bare, true);
}

/** Read the answer to the own package, and reply. */
export async function complete(work: Work, answer: Bytes): Promise<Bytes> {
  const { of, now, draws } = work;
  demand(of.invitation !== null, "replayed", "the package was answered before"); // SES-6
  const { secret, package: shown } = of.invitation;
  const opened = await acceptSession(of.identity, shown, secret, answer, now, draws);
  of.session = opened.session;
  of.invitation = null; // SES-6, SES-11
  await hear(work, decodeBody(opened.body), null);
  await issueFirst(work, true);
  return sealed(work, bare, true);
}

/** Read the reply. */
export async function conclude(work: Work, greeting: Bytes): Promise<void> {
  const { of, now, draws } = work;
  demand(of.session !== null, "refused", "nobody was answered");
  const opened = await openBody(of.session, greeting, now, draws);
  of.session = opened.session;
  work.requests.push(...of.requests.splice(0));
  await hear(work, decodeBody(opened.body), null);
}
