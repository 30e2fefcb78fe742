/**
 * JSON, read strictly: numbers are exact up to 2^64 - 1, and no object names a member twice.
 *
 * The parser of the language rounds numbers and keeps the last of two members; both matter here, in lines of the
 * protocol and in documents of services (8.1). A number that is no unsigned integer in its one form is `NaN`: it is
 * JSON, and nothing that this standard has. Lone surrogates are not text.
 */

import { type Bytes, type Uint, uint, UINT_MAX } from "./bytes.js";
import { Refusal } from "./refusal.js";

export type Json = null | boolean | Uint | string | Json[] | Members;
export type Members = Map<string, Json>;

const DEPTH_MAX = 256;
const TOKEN = /[ \t\n\r]*(?:([[\]{},:])|(true|false|null)|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|("))/y;
const WORDS = new Map<string, Json>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** Parse a whole text, or refuse it as malformed. */
export function parseJson(source: string): Json {
  const parser = new Parser(source);
  const value = parser.value(parser.next(), 0);
  parser.end();
  return value;
}

/** As `parseJson`, of bytes that have to be UTF-8. */
export function parseJsonBytes(source: Bytes): Json {
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(source));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("malformed", "JSON that is not UTF-8");
  }
}

interface Token {
  readonly mark: string;
  readonly value: Json;
}

class Parser {
  private at = 0;

  constructor(private readonly source: string) {}

  next(): Token {
    TOKEN.lastIndex = this.at;
    const found = TOKEN.exec(this.source);
    if (found === null) throw new Refusal("malformed", "not JSON");
    this.at = TOKEN.lastIndex;
    const [, mark, word, number] = found;
    if (mark !== undefined) return { mark, value: null };
    if (word !== undefined) return { mark: "", value: WORDS.get(word) ?? null };
    if (number !== undefined) return { mark: "", value: integer(number) };
    return { mark: "text", value: this.text() };
  }

  value(token: Token, depth: number): Json {
    if (depth > DEPTH_MAX) throw new Refusal("malformed", "JSON that is nested too deeply");
    if (token.mark === "[") return this.list(depth);
    if (token.mark === "{") return this.object(depth);
    if (token.mark !== "" && token.mark !== "text") throw new Refusal("malformed", "not JSON");
    return token.value;
  }

  end(): void {
    if (/[^ \t\n\r]/.test(this.source.slice(this.at))) throw new Refusal("malformed", "something after the JSON");
  }

  private list(depth: number): Json[] {
    const items: Json[] = [];
    let token = this.next();
    if (token.mark === "]") return items;
    for (;;) {
      items.push(this.value(token, depth + 1));
      if (this.goesOn("]")) token = this.next();
      else return items;
    }
  }

  private object(depth: number): Members {
    const members: Members = new Map();
    let token = this.next();
    if (token.mark === "}") return members;
    for (;;) {
      if (token.mark !== "text" || typeof token.value !== "string")
        throw new Refusal("malformed", "a member without a name");
      if (members.has(token.value)) throw new Refusal("malformed", "a member that is named twice");
      if (this.next().mark !== ":") throw new Refusal("malformed", "a member without a value");
      members.set(token.value, this.value(this.next(), depth + 1));
      if (this.goesOn("}")) token = this.next();
      else return members;
    }
  }

  /** Tell whether a comma follows, and not the end of the container. */
  private goesOn(end: string): boolean {
    const { mark } = this.next();
    if (mark !== "," && mark !== end) throw new Refusal("malformed", "not JSON");
    return mark === ",";
  }

  private text(): string {
    const from = this.at;
    for (let at = from; ; at++) {
      at = this.source.indexOf('"', at);
      if (at < 0) throw new Refusal("malformed", "text without an end");
      let slashes = 0;
      while (this.source[at - 1 - slashes] === "\\") slashes++;
      if (slashes % 2 === 1) continue;
      this.at = at + 1;
      return unescaped(this.source.slice(from, at));
    }
  }
}

function integer(text: string): Uint {
  if (!/^[0-9]+$/.test(text)) return Number.NaN;
  if (text.length < 16) return Number(text);
  const value = text.length > 20 ? UINT_MAX + 1n : BigInt(text);
  return value > UINT_MAX ? Number.NaN : uint(value);
}

function unescaped(raw: string): string {
  const plain = !/[\\\u0000-\u001f\ud800-\udfff]/.test(raw);
  if (plain) return raw;
  try {
    const text = JSON.parse(`"${raw}"`) as string;
    if (/[\ud800-\udfff]/u.test(text)) throw new Refusal("malformed", "half a character");
    return text;
  } catch {
    throw new Refusal("malformed", "not a text of JSON");
  }
}

/** Write a value as JSON in one line; numbers beyond 2^53 are written out in full. */
export function writeJson(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, item]) => item !== undefined);
    return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${writeJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
