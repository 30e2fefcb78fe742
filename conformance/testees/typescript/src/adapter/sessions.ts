/**
 * Operations on packages, sessions and the ratchet, in both suites (chapter 4), and on bodies (3.5).
 */

import { type Body, decodeBody, encodeBody } from "../body.js";
import { type Bytes, hex, slice, type Uint } from "../bytes.js";
import { HYBRID, open, seal } from "../hpke.js";
import { decodePackage, fingerprint, type Identity, identityOf, type Package } from "../identity.js";
import { type KeyPair, publicKey } from "../primitives.js";
import * as ratchet from "../ratchet.js";
import type { Received } from "../received.js";
import * as session from "../session.js";
import type { Session } from "../session.js";
import { asList, asNumber, type Args, Handles, type Operation, type Operations, type Question } from "./question.js";

const sessions = new Handles<Session>("session-");
const ratchets = new Handles<ratchet.Ratchet>("ratchet-");

type Suite = 1 | 2;

function identity(args: Args): Identity {
  return identityOf(args.fixed("signing_seed", 32), args.fixed("agreement_secret", 32));
}

function packageOf(args: Args, suite: Suite, now: Uint): Package {
  return decodePackage(args.bytes("package"), suite, now);
}

function restartKey(args: Args, suite: Suite): Bytes | null {
  return suite === 2 ? args.fixed("restart_key", 32) : null;
}

function decoded(suite: Suite): Operation {
  return ({ args, now }) => ({ identifier: hex(packageOf(args, suite, now).name) });
}

function started(suite: Suite): Operation {
  return ({ args, now, draws }) => {
    const made = session.start(identity(args), packageOf(args, suite, now), draws);
    return { handle: sessions.add(made), restart_key: made.restartKey === null ? undefined : hex(made.restartKey) };
  };
}

function accepted(suite: Suite): Operation {
  return async ({ args, now, draws }) => {
    const secret = args.fixed("prekey_secret", 32);
    const of = packageOf(args, suite, args.number("made_s"));
    const opened = await session.accept(identity(args), of, secret, args.bytes("ciphertext"), now, draws);
    const key = opened.session.restartKey;
    return {
      handle: sessions.add(opened.session),
      body: hex(opened.body),
      restart_key: key === null ? undefined : hex(key),
    };
  };
}

function restarted(suite: Suite): Operation {
  return ({ args, now, draws }) => ({
    handle: sessions.add(
      session.restart(identity(args), args.fixed("peer", 128), suite, restartKey(args, suite), now, draws),
    ),
  });
}

function answered(suite: Suite): Operation {
  return async ({ args, now, draws }) => {
    const [peer, newest, ciphertext] = [args.fixed("peer", 128), args.number("newest_s"), args.bytes("ciphertext")];
    const opened = await session.answer(
      identity(args),
      peer,
      suite,
      restartKey(args, suite),
      newest,
      ciphertext,
      now,
      draws,
    );
    return { handle: sessions.add(opened.session), body: hex(opened.body) };
  };
}

const agreed: Operations = {
  "package.decode": decoded(1),
  "session.start": started(1),
  "session.accept": accepted(1),
  "session.restart": restarted(1),
  "session.answer": answered(1),
  "hybrid.decode": decoded(2),
  "hybrid.start": started(2),
  "hybrid.accept": accepted(2),
  "hybrid.restart": restarted(2),
  "hybrid.answer": answered(2),
  "hybrid.seal": async ({ args, draws }) => ({
    sealed: hex(
      await seal(HYBRID, args.bytes("public_key"), args.bytes("info"), args.bytes("plaintext"), draws, "hpke"),
    ),
  }),
  "hybrid.open": async ({ args }) => ({
    plaintext: hex(await open(HYBRID, args.fixed("secret_key", 32), args.bytes("info"), args.bytes("sealed"))),
  }),
  "session.seal": async ({ args, draws }) => {
    const handle = args.text("session");
    const sealed = await session.sealBody(sessions.get(handle), args.bytes("body"), draws);
    sessions.put(handle, sealed.session); // SES-15: kept before a byte leaves
    return { ciphertext: hex(sealed.ciphertext) };
  },
  "session.open": async ({ args, now, draws }) => {
    const handle = args.text("session");
    const opened = await session.openBody(sessions.get(handle), args.bytes("ciphertext"), now, draws);
    sessions.put(handle, opened.session);
    return { body: hex(opened.body) };
  },
  "identity.fingerprint": ({ args }) => ({ groups: fingerprint(args.bytes("own"), args.fixed("peer", 128)) }),
};

function begun(args: Args): readonly [Bytes, Bytes, Bytes] {
  return [args.fixed("shared", 32), args.fixed("header_initiator", 32), args.fixed("header_responder", 32)];
}

/** Go on with a ratchet, and keep its next state. */
function step(question: Question, next: (state: ratchet.Ratchet) => [ratchet.Ratchet, Bytes]): string {
  const handle = question.args.text("ratchet");
  const [state, out] = next(ratchets.get(handle));
  ratchets.put(handle, state);
  return hex(out);
}

const ratcheted: Operations = {
  "ratchet.initiate": ({ args, draws }) => {
    const [root, own, peer] = begun(args);
    return { handle: ratchets.add(ratchet.initiate(root, own, peer, args.fixed("peer_key", 32), draws)) };
  },
  "ratchet.respond": ({ args }) => {
    const [root, peer, own] = begun(args);
    const secret = args.fixed("secret", 32);
    const pair: KeyPair = { secret, public: publicKey(secret) };
    return { handle: ratchets.add(ratchet.respond(root, peer, own, pair)) };
  },
  "ratchet.encrypt": (question) => {
    const { args, draws } = question;
    const [plaintext, associated] = [args.bytes("plaintext"), args.bytes("associated")];
    return { message: step(question, (state) => ratchet.encrypt(state, plaintext, associated, draws)) };
  },
  "ratchet.lose": (question) => {
    const count = question.args.small("count");
    step(question, (state) => [ratchet.lose(state, count), slice(state.root, 0, 0)]);
    return {};
  },
  "ratchet.decrypt": (question) => {
    const { args, draws } = question;
    const [message, associated] = [args.bytes("message"), args.bytes("associated")];
    return { plaintext: step(question, (state) => ratchet.decrypt(state, message, associated, draws)) };
  },
  "ratchet.state": ({ args }) => {
    const { sent, received, previous, kept } = ratchets.get(args.text("ratchet"));
    return { sent, received, previous, kept: kept.map((chain) => chain.keys.size) };
  },
};

function receivedOf(args: Args): Received {
  const [floor, ranges] = args.list("received");
  const numbers = asList(ranges).map((range) => asList(range).map((item) => Number(asNumber(item))));
  return { floor: Number(asNumber(floor)), ranges: numbers.map(([from, to]) => [from ?? 0, to ?? 0]) };
}

const bodies: Operations = {
  "body.decode": ({ args }) => {
    const { kind, number, received, holds, content } = decodeBody(args.bytes("body"));
    return {
      kind,
      number,
      received: [received.floor, received.ranges],
      holds,
      content: content === null ? null : hex(content),
    };
  },
  "body.encode": ({ args }) => {
    const rest = { number: args.has("number") ? args.small("number") : null, set: null, digests: null };
    const body: Body = {
      ...rest,
      kind: args.small("kind"),
      holds: args.small("holds"),
      received: receivedOf(args),
      content: args.optionalBytes("content"),
    };
    return { body: hex(encodeBody(body)) };
  },
};

export const sessionOperations: Operations = { ...agreed, ...ratcheted, ...bodies };
