/**
 * Whole services of scripts: sending and receiving services that keep what they took.
 *
 * A disk is all of the state, which is plain data; to begin anew is to begin with a copy of it.
 */

import { hex } from "../bytes.js";
import type { ErrorClass } from "../refusal.js";
import { Service } from "../receiving.js";
import * as sending from "../sending.js";
import * as storing from "../storing.js";
import { type Args, asNumber, Handles, type Operations } from "./question.js";

const senders = new Handles<sending.SenderState>("sender-");
const receivers = new Handles<storing.StoreState>("receiver-");

/** Begin anew with the disk, copy the disk, begin anew with a copy: the same for each kind of service. */
function disks<T>(name: string, held: Handles<T>): Operations {
  const snapshots = new Handles<T>(`${name}-disk-`);
  const begin = (args: Args, state: T): Record<string, never> => {
    held.put(args.text(name), structuredClone(state));
    return {};
  };
  return {
    [`${name}.restart`]: ({ args }) => begin(args, held.get(args.text(name))),
    [`${name}.save`]: ({ args }) => ({ snapshot: snapshots.add(structuredClone(held.get(args.text(name)))) }),
    [`${name}.restore`]: ({ args }) => begin(args, snapshots.get(args.text("snapshot"))),
  };
}

const senderOf = (args: Args): sending.SenderState => senders.get(args.text("sender"));
const receiverOf = (args: Args): storing.StoreState => receivers.get(args.text("receiver"));

const sender: Operations = {
  "sender.start": () => ({ handle: senders.add(sending.newSender()) }),
  "sender.submit": ({ args, now, draws }) => ({
    ticket: sending.submit(senderOf(args), args.bytes("submission"), Number(now), draws),
  }),
  "sender.due": ({ args, now, draws }) => {
    const attempts = sending.due(senderOf(args), Number(now), draws);
    const written = attempts.map(({ ticket, uri, request }) => ({ ticket, uri, request: hex(request) }));
    return { attempts: written, next_s: sending.next(senderOf(args)) };
  },
  "sender.outcome": ({ args, now }) => {
    const refusal = args.has("refusal") ? (args.text("refusal") as ErrorClass) : null;
    const notice = sending.outcome(senderOf(args), args.text("ticket"), args.bool("answered"), refusal, Number(now));
    return { next_s: sending.next(senderOf(args)), notice };
  },
  "sender.status": ({ args, now }) => sending.status(senderOf(args), args.text("ticket"), Number(now)),
  ...disks("sender", senders),
};

const receiver: Operations = {
  "receiver.start": ({ args, now, draws }) => {
    const state = storing.newStore(args.text("uri"), now, draws);
    return { handle: receivers.add(state), config: hex(new Service(state.service).config()) };
  },
  "receiver.register": ({ args }) => {
    const key = args.optionalBytes("verify_key");
    if (key !== null) new Service(receiverOf(args).service).register(args.bytes("root"), key);
    return {};
  },
  "receiver.issue": ({ args }) => {
    const [root, epoch, key] = [args.bytes("root"), args.number("epoch"), args.bytes("key")];
    const [until, capacity, lanes] = [args.number("valid_until_s"), args.number("capacity"), args.number("lanes")];
    new Service(receiverOf(args).service).registerEpoch(root, epoch, key, until, capacity, lanes);
    return {};
  },
  "receiver.revoke": ({ args }) => {
    storing.revoke(receiverOf(args), args.bytes("root"), args.optionalNumber("epoch"));
    return {};
  },
  "receiver.accept": async ({ args, now }) => {
    await storing.accept(receiverOf(args), args.bytes("request"), now);
    return {};
  },
  "receiver.fetch": ({ args }) => ({ deliveries: storing.fetch(receiverOf(args), args.bytes("root")).map(hex) }),
  "receiver.confirm": ({ args }) => {
    storing.confirm(receiverOf(args), args.bytes("root"), args.list("numbers").map(asNumber));
    return {};
  },
  "receiver.rotate": ({ args, now, draws }) => {
    storing.rotate(receiverOf(args), now, draws);
    return { config: hex(new Service(receiverOf(args).service).config()) };
  },
  "receiver.erase": ({ args, now }) => {
    new Service(receiverOf(args).service).erase(now);
    return {};
  },
  ...disks("receiver", receivers),
};

export const serviceOperations: Operations = { ...sender, ...receiver };
