/**
 * Operations on contents and attachments (chapters 10, 11), tokens (9) and directories (8.4).
 */

import { chunksOf, decryptFile, digestOf, encryptFile, sealChunks } from "../attachment.js";
import { type Bytes, fromHex, hex, type Uint } from "../bytes.js";
import { type Attachment, decodeContent, encodeContent } from "../content.js";
import * as directory from "../directory.js";
import { sha256 } from "../primitives.js";
import * as tokens from "../tokens.js";
import * as tree from "../tree.js";
import { asList, asNumber, asText, type Args, Handles, type Operations } from "./question.js";

const pending = new Handles<tokens.Pending>("token-");

function attachmentOf(args: Args): Attachment {
  const locations = args.list("locations").map((item) => {
    const [uri, key, digest, until] = asList(item);
    return {
      uri: asText(uri),
      key: fromHex(asText(key)),
      digest: fromHex(asText(digest)),
      validUntilS: asNumber(until),
    };
  });
  return {
    length: args.small("length"),
    type: args.text("type"),
    name: args.has("name") ? args.text("name") : null,
    locations,
  };
}

function written(of: Attachment): unknown {
  const locations = of.locations.map((one): [string, string, string, Uint] => [
    one.uri,
    hex(one.key),
    hex(one.digest),
    one.validUntilS,
  ]);
  return { length: of.length, locations, type: of.type, name: of.name };
}

const contents: Operations = {
  "content.encode": ({ args }) => {
    const attachments = args.parts("attachments").map(attachmentOf);
    return { content: hex(encodeContent({ type: args.text("type"), data: args.bytes("data"), attachments })) };
  },
  "content.decode": ({ args }) => {
    const { type, data, attachments } = decodeContent(args.bytes("content"));
    return { type, data: hex(data), attachments: attachments.map(written) };
  },
  "attachment.size": ({ args }) => ({ count: chunksOf(args.number("length")) }),
  "attachment.encrypt": ({ args }) => {
    chunksOf(args.number("length"));
    const chunks = encryptFile(args.fixed("key", 32), args.bytes("file"), args.small("length"));
    return { chunks: chunks.map(hex), digest: hex(digestOf(chunks)) };
  },
  "attachment.seal": ({ args }) => ({
    chunks: sealChunks(args.fixed("key", 32), args.byteList("plaintexts"), args.small("count"), args.small("last")).map(
      hex,
    ),
  }),
  "attachment.decrypt": ({ args }) => ({
    file_hash: hex(
      decryptFile(args.bytes("key"), args.byteList("chunks"), args.number("length"), args.optionalBytes("digest")),
    ),
  }),
};

const issued: Operations = {
  "token.challenge": ({ args }) => {
    const challenge = tokens.challenge(args.text("issuer"), args.text("origin"));
    return { challenge: hex(challenge), digest: hex(sha256(challenge)) };
  },
  "token.key": ({ args }) => ({ identifier: hex(tokens.decodeKey(args.bytes("key")).id) }),
  "token.begin": ({ args }) => {
    const [nonce, salt, blind] = [args.bytes("nonce"), args.bytes("salt"), args.bytes("blind")];
    const begun = tokens.begin(tokens.decodeKey(args.bytes("key")), args.fixed("digest", 32), nonce, salt, blind);
    return { handle: pending.add(begun), request: hex(begun.request) };
  },
  "token.request": ({ args, draws }) => {
    const begun = tokens.drawn(tokens.decodeKey(args.bytes("key")), args.fixed("digest", 32), draws);
    return { handle: pending.add(begun), request: hex(begun.request) };
  },
  "token.finish": ({ args }) => ({
    token: hex(tokens.finish(pending.get(args.text("pending")), args.bytes("answer"))),
  }),
  "token.check": ({ args }) => ({
    nonce: hex(tokens.check(tokens.decodeKey(args.bytes("key")), args.fixed("digest", 32), args.bytes("token"))),
  }),
  "token.sign": ({ args }) => ({ answer: hex(tokens.sign(args.bytes("p"), args.bytes("q"), args.bytes("request"))) }),
};

function before(args: Args): directory.Entry | null {
  return args.has("before") ? directory.decodeEntry(args.bytes("before"), null) : null;
}

function leaves(args: Args): Bytes[] {
  return args.byteList("leaves").map(directory.checkLeaf);
}

const directories: Operations = {
  "entry.sign": ({ args, now }) => {
    const [seed, earlier] = [
      args.fixed("signing_seed", 32),
      args.has("before_seed") ? args.fixed("before_seed", 32) : null,
    ];
    const entry = directory.makeEntry(
      args.text("name"),
      args.small("sequence"),
      args.bytes("identity"),
      now,
      seed,
      earlier,
    );
    return { entry: hex(entry) };
  },
  "entry.decode": ({ args }) => {
    const { name, sequence, identity } = directory.decodeEntry(args.bytes("entry"), before(args));
    return { name, sequence, identity: hex(identity) };
  },
  "entry.leaf": ({ args }) => {
    const leaf = directory.leafOf(directory.decodeEntry(args.bytes("entry"), null));
    return { leaf: hex(leaf), hash: hex(tree.leafHash(leaf)) };
  },
  "tree.hash": ({ args }) => ({ tree: hex(tree.treeHash(leaves(args))) }),
  "tree.inclusion": ({ args }) => ({ path: tree.inclusion(leaves(args), args.small("index")).map(hex) }),
  "tree.consistency": ({ args }) => ({ path: tree.consistency(leaves(args), args.small("first")).map(hex) }),
  "head.sign": ({ args, now }) => ({
    head: hex(
      directory.makeHead(args.fixed("seed", 32), args.text("uri"), args.small("size"), args.bytes("tree"), now),
    ),
  }),
  "head.check": ({ args, now }) => {
    const head = directory.checkHead(args.bytes("head"), args.fixed("key", 32), args.text("uri"), now);
    return { size: head.size, tree: hex(head.tree) };
  },
  "head.join": ({ args, now }) => {
    const [key, uri] = [args.fixed("key", 32), args.text("uri")];
    directory.joinHeads(args.bytes("old"), args.bytes("new"), args.byteList("path"), key, uri, now);
    return {};
  },
  "proof.check": ({ args, now }) => {
    const [key, uri, name] = [args.fixed("key", 32), args.text("uri"), args.text("name")];
    const entry = directory.checkProof(args.bytes("proof"), key, uri, name, now);
    return { sequence: entry.sequence, identity: hex(entry.identity) };
  },
  "contact.decode": ({ args, now }) => {
    const entry = directory.decodeEntry(args.bytes("entry"), null);
    return { identifier: hex(directory.decodeContact(args.bytes("contact"), entry, now).name) };
  },
};

export const carriedOperations: Operations = { ...contents, ...issued, ...directories };
