/**
 * Whole relationship managers of scripts.
 *
 * A disk is all of the state, which is plain data. Each operation works on a copy, which is kept when it is over.
 */

import { hex, type Uint } from "../bytes.js";
import { decodeConfig } from "../config.js";
import { isReleased } from "../person/grants.js";
import * as living from "../person/living.js";
import * as meeting from "../person/meeting.js";
import { receive } from "../person/receiving.js";
import { suspectRestored } from "../person/resync.js";
import { newPerson, type Person, type ServiceRequest } from "../person/state.js";
import { Work } from "../person/work.js";
import { demand } from "../refusal.js";
import {
  type Answer,
  type Args,
  asNumber,
  Handles,
  type Operation,
  type Operations,
  type Question,
} from "./question.js";

const people = new Handles<Person>("person-");
const snapshots = new Handles<Person>("person-disk-");

function written(request: ServiceRequest): Answer {
  const common = { op: request.op, uri: request.uri, root: hex(request.root) };
  if (request.op === "revoke") return common;
  if (request.op === "register")
    return { ...common, verify_key: request.verifyKey === null ? null : hex(request.verifyKey) };
  const { epoch, key, validUntilS, capacity } = request;
  return { ...common, epoch, key: hex(key), valid_until_s: validUntilS, capacity, lanes: 1 };
}

function outcome(work: Work): Answer {
  const transmissions = work.transmissions.map((one) => ({ ...one, submission: hex(one.submission) }));
  return { deadline_s: living.deadline(work), requests: work.requests.map(written), transmissions };
}

function workOf(person: Person, question: Question, number: Uint): Work {
  const of = person.relationships.get(Number(number));
  demand(of !== undefined, "unknown", "there is no such relationship");
  return new Work(person, of, Number(question.now), question.draws);
}

/** An operation on a person: it works on a copy, which is kept when it is over (ERR-2, SES-15, DELIV-27). */
function on(step: (person: Person, question: Question) => Answer | Promise<Answer>): Operation {
  return async (question) => {
    const handle = question.args.text("person");
    const copy = structuredClone(people.get(handle));
    const answer = await step(copy, question);
    people.put(handle, copy);
    return answer;
  };
}

/** An operation in one relationship; what comes out of it is added to its answer. */
function within(step: (work: Work, args: Args) => Answer | void | Promise<Answer | void>): Operation {
  return on(async (person, question) => {
    const work = workOf(person, question, question.args.number("relationship"));
    const answer = (await step(work, question.args)) ?? {};
    return { ...answer, ...outcome(work) };
  });
}

/** An operation that only looks. */
function looking(look: (work: Work, args: Args) => Answer): Operation {
  return (question) => {
    const person = people.get(question.args.text("person"));
    return look(workOf(person, question, question.args.number("relationship")), question.args);
  };
}

function meetingOf(args: Args): meeting.Meeting {
  return {
    relationship: args.small("relationship"),
    receiving: args.textList("receiving"),
    sending: args.textList("sending"),
  };
}

function hearSilent(work: Work, args: Args): void {
  work.person.silent = [...args.textList("silent"), ...args.textList("silent_receiving")];
}

const met: Operations = {
  "person.create": ({ args }) => {
    const suite = args.has("suite") && args.number("suite") === 2 ? 2 : 1;
    return { handle: people.add(newPerson(args.text("profile") === "label/1" ? 2 : 1, suite)) };
  },
  "person.learn": on((person, { args }) => {
    const config = decodeConfig(args.bytes("config"));
    person.configs.set(config.uri, config);
    return {};
  }),
  "person.invite": on(async (person, { args, now, draws }) => ({
    package: hex(await meeting.invite(person, meetingOf(args), Number(now), draws)),
  })),
  "person.accept": on(async (person, { args, now, draws }) => ({
    answer: hex(await meeting.accept(person, args.bytes("package"), meetingOf(args), Number(now), draws)),
  })),
  "person.complete": within(async (work, args) => ({
    greeting: hex(await meeting.complete(work, args.bytes("answer"))),
  })),
  "person.conclude": within((work, args) => meeting.conclude(work, args.bytes("greeting"))),
};

const lived: Operations = {
  "person.submit": within(async (work, args) => ({ number: await living.submit(work, args.bytes("content")) })),
  "person.wake": within(async (work, args) => {
    hearSilent(work, args);
    await living.wake(work);
  }),
  "person.receive": within(async (work, args) => {
    const [messages, confirm] = await receive(work, args.byteList("deliveries"), args.text("uri"));
    return { messages: messages.map(({ number, content }) => ({ number, content: hex(content) })), confirm };
  }),
  "person.unreachable": within((work, args) => living.unreachable(work, args.text("uri"), args.text("reference"))),
  "person.move": within((work, args) => {
    return living.move(work, args.textList("receiving"), args.textList("sending"), args.small("announce_s"));
  }),
  "person.senders": within((work, args) => {
    work.of.sending = args.textList("sending"); // ROLE-4
  }),
  "person.read": within((work, args) => {
    living.markRead(
      work,
      args.list("numbers").map((number) => Number(asNumber(number))),
    );
  }),
  "person.end": within(async (work, args) => {
    hearSilent(work, args);
    await living.end(work, args.bool("tell"));
  }),
  "person.leave": on((person, question) => {
    const uri = question.args.text("uri");
    const works = [...person.relationships.keys()].map((number) => workOf(person, question, number));
    const requests = living.leave(person, works, uri, question.args.byteList("empty"));
    return { left: requests !== null, requests: (requests ?? []).map(written) };
  }),
};

const looked: Operations = {
  "person.released": looking((work, args) => ({ released: isReleased(work, args.text("uri")) })),
  "person.root": looking(({ of }, args) => {
    const place = of.places.get(args.text("uri"));
    return { root: place === undefined ? null : hex(place.root) };
  }),
  "person.standing": looking(({ of }) => ({
    losses: of.losses,
    next: of.next,
    peer: of.held.entries.map((entry) => entry.uri),
    seen: [of.seenByPeer.floor, of.seenByPeer.ranges],
    synchronised: of.resync === null,
    waiting: [...of.outbox.keys()],
  })),
};

const disks: Operations = {
  "person.restart": on(() => ({})),
  "person.save": ({ args }) => ({ snapshot: snapshots.add(structuredClone(people.get(args.text("person")))) }),
  "person.restore": (question) => {
    const copy = structuredClone(snapshots.get(question.args.text("snapshot")));
    for (const number of copy.relationships.keys()) suspectRestored(workOf(copy, question, number));
    people.put(question.args.text("person"), copy);
    return {};
  },
};

export const personOperations: Operations = { ...met, ...lived, ...looked, ...disks };
