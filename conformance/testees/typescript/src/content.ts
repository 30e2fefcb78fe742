/**
 * Contents of messages (11.1, 11.2) and the attachments that they list (10.3).
 */

import type { Bytes, Uint } from "./bytes.js";
import { encode, type Value } from "./cbor.js";
import { anyBytes, blob, exactly, list, number, parse, type Read, record, text, tuple, within } from "./fields.js";
import { DEVICE_BYTES_MAX } from "./parameters.js";
import { demand, Refusal } from "./refusal.js";

const FILE_BYTES_MAX = 67_092_472;
const TYPE = text(1, 127);

export interface Location {
  readonly uri: string;
  readonly key: Bytes;
  readonly digest: Bytes;
  readonly validUntilS: Uint;
}

export interface Attachment {
  readonly length: number;
  readonly locations: readonly Location[];
  readonly type: string;
  readonly name: string | null;
}

export interface Content {
  readonly type: string;
  readonly data: Bytes;
  readonly attachments: readonly Attachment[];
}

const readLocation: Read<Location> = (value) => {
  const [uri, key, digest, until] = tuple(value, 4) as readonly [Value, Value, Value, Value];
  return { uri: text(1, 255)(uri), key: blob(32)(key), digest: blob(32)(digest), validUntilS: number(until) };
};

/** A file name (10.3): no slash, backslash or control character, and neither `.` nor `..`. */
const readName: Read<string> = (value) => {
  const name = text(1, 255)(value);
  const plain = !/[/\\\u0000-\u001f\u007f]/.test(name) && name !== "." && name !== "..";
  demand(plain, "malformed", "not a file name"); // ATT-18
  return name;
};

const readAttachment: Read<Attachment> = (value) => {
  const fields = record(value, 3, 4);
  return {
    length: fields.read(0, within(0, FILE_BYTES_MAX)), // ATT-18
    locations: fields.read(1, list(readLocation, 4, 1)),
    type: fields.read(2, TYPE),
    name: fields.optional(3, readName),
  };
};

/** A profile (11.2): name, pronouns, picture. */
const readPerson: Read<void> = (value) => {
  const fields = record(value, 1, 3);
  fields.read(0, text(1, 255));
  fields.optional(1, text(1, 63));
  fields.optional(2, readAttachment);
};

export function decodeContent(source: Uint8Array): Content {
  demand(source.length <= DEVICE_BYTES_MAX, "too-large", "a content that is too long");
  const content = parse(source, (value) => {
    const fields = record(value, 3, 4);
    fields.read(0, exactly(1));
    return {
      type: fields.read(1, TYPE), // CONT-1
      data: fields.read(2, anyBytes),
      attachments: fields.optional(3, list(readAttachment, 8, 1)) ?? [], // ATT-12
    };
  });
  if (content.type === "text/plain") checkUtf8(content.data);
  if (content.type === "application/vnd.communicator.profile") parse(content.data, readPerson);
  return content;
}

function checkUtf8(data: Bytes): void {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    throw new Refusal("malformed", "text that is not UTF-8");
  }
}

function attachmentValue(of: Attachment): Value {
  const locations = of.locations.map((one): Value => [one.uri, one.key, one.digest, one.validUntilS]);
  const fields = new Map<number, Value>([
    [0, of.length],
    [1, locations],
    [2, of.type],
  ]);
  return of.name === null ? fields : fields.set(3, of.name);
}

/** Encode a content, and hold it to the rules by which it is read (CONT-1). */
export function encodeContent(content: Content): Bytes {
  const fields = new Map<number, Value>([
    [0, 1],
    [1, content.type],
    [2, content.data],
  ]);
  if (content.attachments.length) fields.set(3, content.attachments.map(attachmentValue));
  const encoded = encode(fields);
  decodeContent(encoded);
  return encoded;
}
