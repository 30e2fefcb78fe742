/**
 * Operations on addresses and envelopes, of owner, sender and receiving service (chapters 2 and 3).
 */

import { deriveLabel, diversify, epochKey, checkLifetime, issue, sealLabelled } from "../addresses.js";
import { hex } from "../bytes.js";
import { configDigest, decodeConfig, type Config } from "../config.js";
import { decodeDocument } from "../document.js";
import { decodeDelivery, decodeSubmission, sealRequest } from "../envelope.js";
import { CLASSICAL, open, seal } from "../hpke.js";
import { newService, type Resolved, type ResolvedLabel, type SecretGeneration, Service } from "../receiving.js";
import { demand } from "../refusal.js";
import { type Answer, type Args, Handles, type Operation, type Operations } from "./question.js";

const services = new Handles<Service>("service-");

function generation(args: Args): SecretGeneration {
  const [key, secret] = [args.fixed("public", 32), args.fixed("secret", 32)];
  return { number: args.small("number"), key, secret, fromS: args.number("from_s"), untilS: args.number("until_s") };
}

function serviceOf(args: Args): Service {
  return services.get(args.text("service"));
}

function configOf(args: Args): Config {
  return decodeConfig(args.bytes("config"));
}

function resolved(of: Resolved): Answer {
  return { root: hex(of.root), index: of.index, valid_until_s: of.validUntilS };
}

function resolvedLabel(of: ResolvedLabel): Answer {
  return { ...resolved(of), epoch: of.epoch, lane: of.lane, ciphertext: hex(of.ciphertext) };
}

/** Resolve, or resolve and spend. */
function addressed(spends: boolean): Operation {
  return async ({ args, now }) => {
    const service = serviceOf(args);
    const found = await service.resolve(args.bytes("address"), args.bytes("ciphertext"), now);
    if (spends) service.spend(found);
    return resolved(found);
  };
}

function labelled(spends: boolean): Operation {
  return async ({ args, now }) => {
    const service = serviceOf(args);
    const found = await service.resolveLabel(args.bytes("sealed"), now);
    if (spends) service.spendLabel(found);
    return resolvedLabel(found);
  };
}

function enveloped(spends: boolean): Operation {
  return async ({ args, now }) => {
    const found = await serviceOf(args).resolveRequest(args.bytes("envelope"), now);
    if (spends) found.spend();
    return { root: hex(found.root), ciphertext: hex(found.ciphertext) };
  };
}

const label: Operations = {
  "label.grant": ({ args, now }) => {
    const key = epochKey(args.bytes("secret"), args.number("epoch"));
    checkLifetime(args.number("valid_until_s"), now);
    return { key: hex(key) };
  },
  "label.derive": ({ args }) => ({
    label: hex(deriveLabel(args.bytes("key"), args.number("lane"), args.number("index"))),
  }),
  "label.seal": async ({ args, now, draws }) => {
    const ciphertext = args.bytes("ciphertext");
    demand(ciphertext.length > 0, "malformed", "no ciphertext");
    return { sealed: hex(await sealLabelled(configOf(args), args.bytes("label"), ciphertext, now, draws)) };
  },
  "label.register": ({ args }) => {
    const [root, epoch, key] = [args.bytes("root"), args.number("epoch"), args.bytes("key")];
    const [until, capacity, lanes] = [args.number("valid_until_s"), args.number("capacity"), args.number("lanes")];
    serviceOf(args).registerEpoch(root, epoch, key, until, capacity, lanes);
    return {};
  },
  "label.resolve": labelled(false),
  "label.spend": labelled(true),
  "label.revoke": ({ args }) => {
    serviceOf(args).revokeEpochs(args.fixed("root", 16), args.optionalNumber("epoch"));
    return {};
  },
};

const address: Operations = {
  "address.issue": async ({ args, now, draws }) => {
    const given = { config: configOf(args), root: args.bytes("root"), signingSeed: args.bytes("signing_seed") };
    const range = {
      first: args.number("first"),
      count: args.number("count"),
      validUntilS: args.number("valid_until_s"),
    };
    return { addresses: (await issue({ ...given, ...range }, now, draws)).map(hex) };
  },
  "address.diversify": async ({ args, now, draws }) => {
    const made = await diversify(configOf(args), args.bytes("address"), args.bytes("ciphertext"), now, draws);
    return { address: hex(made) };
  },
  "address.register": ({ args }) => {
    serviceOf(args).register(args.bytes("root"), args.bytes("verify_key"));
    return {};
  },
  "address.resolve": addressed(false),
  "address.spend": addressed(true),
  "address.revoke": ({ args }) => {
    serviceOf(args).revoke(args.fixed("root", 16));
    return {};
  },
};

const envelope: Operations = {
  "envelope.seal": async ({ args, now, draws }) => {
    const made = await sealRequest(configOf(args), args.bytes("address"), args.bytes("ciphertext"), now, draws);
    return { envelope: hex(made) };
  },
  "envelope.resolve": enveloped(false),
  "envelope.spend": enveloped(true),
  "submission.decode": ({ args }) => {
    const read = decodeSubmission(args.bytes("submission"));
    return { uri: read.uri, request: hex(read.request), not_after_s: read.notAfterS, delay_mean_s: read.delayMeanS };
  },
  "delivery.decode": ({ args }) => {
    const read = decodeDelivery(args.bytes("delivery"));
    return { number: read.number, ciphertext: hex(read.ciphertext), index: read.index, epoch: read.epoch };
  },
};

const service: Operations = {
  "service.load": ({ args }) => {
    const made = new Service(
      newService(args.text("uri"), args.parts("outer").map(generation), args.parts("inner").map(generation)),
    );
    return { handle: services.add(made), config: hex(made.config()) };
  },
  "service.erase": ({ args, now }) => {
    serviceOf(args).erase(now);
    return {};
  },
  "config.decode": ({ args }) => {
    const encoded = args.bytes("config");
    return { uri: decodeConfig(encoded).uri, digest: hex(configDigest(encoded)) };
  },
  "document.decode": ({ args }) => {
    const { revision, config, digest, delays } = decodeDocument(args.bytes("document"), args.text("origin"));
    return { revision, config: hex(config), digest: hex(digest), delays };
  },
};

const hpke: Operations = {
  "hpke.seal": async ({ args, draws }) => ({
    sealed: hex(
      await seal(CLASSICAL, args.bytes("public_key"), args.bytes("info"), args.bytes("plaintext"), draws, "hpke"),
    ),
  }),
  "hpke.open": async ({ args }) => ({
    plaintext: hex(await open(CLASSICAL, args.fixed("secret_key", 32), args.bytes("info"), args.bytes("sealed"))),
  }),
};

export const addressOperations: Operations = { ...service, ...address, ...label, ...envelope, ...hpke };
