/**
 * Sessions: an agreement, the ratchet that follows, and the openings of its first messages (chapter 4, 12.6).
 *
 * A session is plain data. `sealBody` and `openBody` return the next one and leave the given one as it was. Each
 * ciphertext has the length of the one size class, whatever it holds (ENV-16): the ratchet encrypts length ‖ body ‖
 * zeros.
 */

import { agreeAsA, agreeAsB, restartTerms, type Secrets, type Suite, type Terms, termsOf } from "./agreement.js";
import { bytes, type Bytes, concat, equal, plus, readNumber, slice, u16, type Uint } from "./bytes.js";
import type { Draws } from "./draws.js";
import { checkClass } from "./envelope.js";
import { agreementKeyOf, checkIdentity, classicalPart, type Identity, type Package } from "./identity.js";
import { type Door, type Opening, openOpening, sealOf, sealOpening, timeFront, timeOf } from "./opening.js";
import * as P from "./parameters.js";
import { type KeyPair, publicKey } from "./primitives.js";
import * as ratchet from "./ratchet.js";
import { demand } from "./refusal.js";
import { hybridX25519 } from "./xwing.js";

export interface Session {
  readonly ratchet: ratchet.Ratchet;
  readonly associated: Bytes;
  readonly suite: Suite;
  readonly peer: Bytes;
  /** Of A, until the first reply: what each ciphertext begins with. */
  readonly opening: { readonly door: Door; readonly to: Bytes; readonly opening: Opening } | null;
  /** Of B, until the first message without an opening: what opens further openings (SES-11). */
  readonly prekey: {
    readonly door: Door;
    readonly secret: Bytes;
    readonly untilS: Uint;
    readonly opening: Opening;
  } | null;
  readonly restartKey: Bytes | null;
  /** Of a session that began anew: the time of its opening, and its E_A. */
  readonly restartedS: Uint | null;
}

function sessionOf(secrets: Secrets, terms: Terms, peer: Bytes, state: ratchet.Ratchet): Session {
  const { associated, restartKey } = secrets;
  return {
    ratchet: state,
    associated,
    suite: terms.suite,
    peer,
    opening: null,
    prekey: null,
    restartKey,
    restartedS: null,
  };
}

function asA(terms: Terms, own: Identity, ephemeral: KeyPair, peer: Bytes, to: Bytes, draws: Draws): Session {
  const secrets = agreeAsA(terms, own, ephemeral, peer, to);
  const { root, headerOfA, nextHeaderOfB } = secrets;
  return sessionOf(secrets, terms, peer, ratchet.initiate(root, headerOfA, nextHeaderOfB, classicalPart(to), draws));
}

function asB(terms: Terms, own: Identity, secret: Bytes, opening: Opening): Session {
  const secrets = agreeAsB(terms, own, secret, opening.identity, opening.ephemeral);
  const pair = { secret, public: publicKey(secret) };
  return sessionOf(
    secrets,
    terms,
    opening.identity,
    ratchet.respond(secrets.root, secrets.headerOfA, secrets.nextHeaderOfB, pair),
  );
}

/** Begin a session as A with a package that was checked (4.3, 4.5). */
export function start(own: Identity, of: Package, draws: Draws): Session {
  const ephemeral = draws.keyPair("agreement.ephemeral");
  const secret = of.suite === 2 ? draws.draw("agreement.secret", P.HYBRID_SECRET_BYTES) : bytes(0); // SES-31
  const session = asA(termsOf(of, secret), own, ephemeral, of.identity, of.prekey, draws);
  const opening = { front: of.name, identity: own.public, ephemeral: ephemeral.public, secret };
  return { ...session, opening: { door: { suite: of.suite, restart: null }, to: of.prekey, opening } };
}

/** Begin anew as A, towards an identity (PORT-19): the opening says when. */
export function restart(
  own: Identity,
  peer: Bytes,
  suite: Suite,
  restartKey: Bytes | null,
  time: Uint,
  draws: Draws,
): Session {
  checkIdentity(peer);
  const ephemeral = draws.keyPair("agreement.ephemeral");
  const to = agreementKeyOf(peer);
  const session = asA(restartTerms(suite, restartKey ?? bytes(0)), own, ephemeral, peer, to, draws);
  const opening = { front: timeFront(time), identity: own.public, ephemeral: ephemeral.public, secret: bytes(0) };
  const door = { suite, restart: { key: restartKey } };
  return { ...session, restartKey, restartedS: time, opening: { door, to, opening } };
}

export interface Opened {
  readonly session: Session;
  readonly body: Bytes;
}

/** Begin a session as B with the first ciphertext that names a package of one's own. */
export async function accept(
  own: Identity,
  of: Package,
  prekeySecret: Bytes,
  ciphertext: Bytes,
  now: Uint,
  draws: Draws,
): Promise<Opened> {
  checkClass(ciphertext); // ENV-9
  const untilS = plus(of.untilS, P.PACKAGE_GRACE_S);
  demand(now < untilS, "forged", "no prekey is left that opens it"); // SES-10
  const door: Door = { suite: of.suite, restart: null };
  const { opening, message } = await openOpening(door, prekeySecret, ciphertext);
  const again = !equal(opening.front, of.name); // SES-25, PORT-31: it names the package, or says when it began again
  const restartedS = again ? timeOf(opening) : null;
  const classical = of.suite === 2 ? hybridX25519(prekeySecret) : prekeySecret;
  const session = asB(termsOf(of, opening.secret), own, classical, opening);
  const prekey = { door, secret: prekeySecret, untilS, opening };
  const opened = openWith({ ...session, restartedS, prekey }, message, draws);
  if (restartedS !== null) checkTime(restartedS, 0, now, true);
  return opened;
}

/** Begin anew as B with an opening of RESYNC of a known peer; `newestS` is the latest that was adopted (PORT-20). */
export async function answer(
  own: Identity,
  peer: Bytes,
  suite: Suite,
  restartKey: Bytes | null,
  newestS: Uint,
  ciphertext: Bytes,
  now: Uint,
  draws: Draws,
): Promise<Opened> {
  checkClass(ciphertext);
  const door: Door = { suite, restart: { key: restartKey } };
  const { opening, message } = await openOpening(door, own.agreement.secret, ciphertext);
  demand(equal(opening.identity, peer), "forged", "an opening of somebody else");
  const time = timeOf(opening);
  const terms = restartTerms(suite, restartKey ?? bytes(0));
  const session = asB(terms, own, own.agreement.secret, opening);
  const opened = openWith(
    {
      ...session,
      restartKey,
      restartedS: time,
      prekey: { door, secret: own.agreement.secret, untilS: 2n ** 64n, opening },
    },
    message,
    draws,
  );
  checkTime(time, newestS, now);
  return opened;
}

/** An opening of RESYNC is later than all that were adopted before, and of within a day; older only `toPrekey`. */
function checkTime(time: Uint, newestS: Uint, now: Uint, toPrekey = false): void {
  demand(time > newestS, "replayed", "an opening that is not later than one before"); // PORT-20
  demand(
    time <= plus(now, P.CLOCK_SKEW_S) && (toPrekey || now <= plus(time, P.CLOCK_SKEW_S)),
    "expired",
    "an opening of another day",
  ); // PORT-20
}

/** How long a body may be in the next ciphertext (3.4, 4.5). */
export function room(session: Session): number {
  const opening = session.opening === null ? 0 : sealOf(session.opening.door).length;
  return P.CIPHERTEXT_BYTES - opening - P.RATCHET_OVERHEAD_BYTES - P.LENGTH_PREFIX_BYTES;
}

/** Pad, encrypt, and put the opening before it where the peer has not answered yet. */
export async function sealBody(
  session: Session,
  body: Bytes,
  draws: Draws,
): Promise<{ session: Session; ciphertext: Bytes }> {
  const space = room(session);
  demand(body.length <= space, "too-large", "a body without room"); // ENV-11
  const padded = concat(u16(body.length), body, bytes(space - body.length)); // ENV-16
  const [state, message] = ratchet.encrypt(session.ratchet, padded, session.associated, draws);
  const next = { ...session, ratchet: state };
  if (session.opening === null) return { session: next, ciphertext: message };
  const { door, to, opening } = session.opening;
  return { session: next, ciphertext: concat(await sealOpening(door, to, opening, message, draws), message) };
}

/** Open a ciphertext, with an opening of this session or without one. */
export async function openBody(session: Session, ciphertext: Bytes, now: Uint, draws: Draws): Promise<Opened> {
  checkClass(ciphertext); // ENV-9
  if (session.prekey === null || ratchet.isOf(session.ratchet, ciphertext, session.associated)) {
    const opened = openWith(session, ciphertext, draws);
    return { ...opened, session: { ...opened.session, opening: null, prekey: null } }; // SES-11, SES-31
  }
  const { door, secret, untilS, opening: first } = session.prekey;
  demand(now < untilS, "forged", "no prekey is left that opens it"); // SES-10
  const { opening, message } = await openOpening(door, secret, ciphertext);
  const same = equal(opening.ephemeral, first.ephemeral) && equal(opening.identity, first.identity);
  demand(same && equal(opening.front, first.front), "forged", "an opening of another session"); // SES-25
  return openWith(session, message, draws);
}

function openWith(session: Session, message: Bytes, draws: Draws): Opened {
  const [state, padded] = ratchet.decrypt(session.ratchet, message, session.associated, draws);
  return { session: { ...session, ratchet: state }, body: unpad(padded) };
}

function unpad(padded: Bytes): Bytes {
  demand(padded.length >= P.LENGTH_PREFIX_BYTES, "malformed", "shorter than its length");
  const end = P.LENGTH_PREFIX_BYTES + readNumber(padded, 0, P.LENGTH_PREFIX_BYTES);
  demand(end <= padded.length, "malformed", "a length beyond the end"); // ENV-10
  const zeros = padded.slice(end).every((byte) => byte === 0);
  demand(zeros, "malformed", "padding that is not zeros"); // ENV-10
  return slice(padded, P.LENGTH_PREFIX_BYTES, end);
}
