/**
 * What a relationship manager keeps: plain data, so that a copy of it is a backup of everything.
 *
 * Dates are seconds. An operation works on a copy and the copy is kept when it is over, so that what fails changes
 * nothing (ERR-2) and what is answered is durable (SES-15, DELIV-3, DELIV-27).
 */

import type { Suite } from "../agreement.js";
import type { Bytes } from "../bytes.js";
import type { Config } from "../config.js";
import type { Identity, Package } from "../identity.js";
import type { Received } from "../received.js";
import type { Session } from "../session.js";
import type { AddressSet } from "../sets.js";

/** An own root at a receiving service, and what its grants are made from. */
export interface Place {
  readonly root: Bytes;
  readonly signingSeed: Bytes;
  readonly secret: Bytes;
  serial: number;
  registered: boolean;
  /** The latest date of any address there. */
  lastUntilS: number;
}

/** A grant that was handed out: an epoch, or a batch of addresses. */
export interface OwnGrant {
  readonly uri: string;
  readonly serial: number;
  readonly longTerm: boolean;
  readonly validUntilS: number;
  readonly capacity: number;
  readonly key: Bytes | null;
  readonly batch: readonly Bytes[];
  /** The version of the set that had it first. */
  readonly version: number;
  /** Positions of which the addresses came. */
  readonly spent: Set<number>;
}

/** How much of a peer's grant was used, by URI and serial; of a batch, what there is. */
export interface Stock {
  used: number;
  skipped: boolean;
  readonly batch: readonly Bytes[];
}

export interface Outgoing {
  readonly number: number;
  readonly content: Bytes;
  readonly acceptedS: number;
  dueS: number;
  attempts: number;
  /** Where its last transmission went; null where it found no usable address, or was not sent yet. */
  uri: string | null;
}

/** A move that peers have to be told of. */
export interface Notice {
  dueS: number;
  attempts: number;
  readonly version: number;
  told: boolean;
}

export interface Loss {
  readonly own: number;
  readonly peer: number;
  readonly numbers: readonly (readonly [number, number])[];
}

/** A session that begins anew after a restored backup. */
export interface Resync {
  dueS: number;
  attempts: number;
  readonly begun: number[];
}

export interface Relationship {
  readonly number: number;
  readonly suite: Suite;
  readonly identity: Identity;
  /** Of who showed a package, until the answer comes. */
  invitation: { readonly secret: Bytes; readonly package: Package } | null;
  session: Session | null;
  readonly old: { session: Session; readonly untilS: number }[];
  receiving: readonly string[];
  sending: readonly string[];
  readonly places: Map<string, Place>;
  mine: OwnGrant[];
  /** Grants that left the set, to which addresses that come may belong. */
  past: OwnGrant[];
  version: number;
  confirmed: number;
  /** The first version without a service, and since when the peer has confirmed it. */
  readonly withdrawn: Map<string, { readonly version: number; sinceS: number | null }>;
  held: AddressSet;
  readonly stock: Map<string, Stock>;
  next: number;
  readonly outbox: Map<number, Outgoing>;
  received: Received;
  seenByPeer: Received;
  read: Received;
  /** Automated commands that are still allowed (STATE-12). */
  credit: number;
  receiptDueS: number | null;
  /** At which service the message that is to be acknowledged arrived. */
  receiptFrom: string | null;
  readDueS: number | null;
  notice: Notice | null;
  requested: number;
  readonly suspects: Map<string, number>;
  sendingTurn: number;
  readonly turns: Map<string, number>;
  ended: boolean;
  readonly revoking: Set<string>;
  resync: Resync | null;
  /** The latest time of an opening of RESYNC that was made or adopted, and of one that was adopted (PORT-20). */
  newestS: number;
  adoptedS: number;
  /** The time of the opening whose RESYNC was understood last. */
  heardS: number;
  /** Whether anything was sent in the session that began anew. */
  spoke: boolean;
  losses: Loss[];
  /** What the own services are to be asked when the meeting is concluded. */
  requests: ServiceRequest[];
}

export interface Person {
  readonly profile: 1 | 2;
  readonly suite: Suite;
  readonly configs: Map<string, Config>;
  readonly relationships: Map<number, Relationship>;
  /** Services that did not answer when the person was last woken. */
  silent: readonly string[];
}

export function newPerson(profile: 1 | 2, suite: Suite): Person {
  return { profile, suite, configs: new Map(), relationships: new Map(), silent: [] };
}

/** A request to one of the person's own receiving services. */
export type ServiceRequest =
  | { readonly op: "register"; readonly uri: string; readonly root: Bytes; readonly verifyKey: Bytes | null }
  | {
      readonly op: "issue";
      readonly uri: string;
      readonly root: Bytes;
      readonly epoch: number;
      readonly key: Bytes;
      readonly validUntilS: number;
      readonly capacity: number;
    }
  | { readonly op: "revoke"; readonly uri: string; readonly root: Bytes };

export interface Transmission {
  readonly via: string;
  readonly uri: string;
  readonly submission: Bytes;
  readonly reference: string;
}
