/**
 * URIs of services: origins in lower case, compared byte by byte (8.1, SVC-1).
 *
 * `https://`, a host and a port that is not the usual one; on loopback hosts also `http://`, for tests.
 */

import { utf8 } from "./bytes.js";
import { URI_BYTES_MAX } from "./parameters.js";
import type { Read } from "./fields.js";
import { text } from "./fields.js";
import { demand } from "./refusal.js";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Tell whether a text is the URI of a service. */
export function isOrigin(uri: string): boolean {
  if (utf8(uri).length > URI_BYTES_MAX) return false;
  const secure = uri.startsWith("https://");
  if (!secure && !uri.startsWith("http://")) return false;
  const authority = uri.slice(secure ? 8 : 7);
  return isAuthority(authority, secure ? "443" : "80") && (secure || LOOPBACK.includes(hostOf(authority)));
}

/** Tell whether a text is a host, with its port if it has one that is not the usual one. */
export function isAuthority(authority: string, usual = "443"): boolean {
  const host = hostOf(authority);
  const rest = authority.slice(host.length);
  if (rest !== "" && !isPort(rest, usual)) return false;
  return host.startsWith("[") ? isIpv6(host) : isName(host);
}

function hostOf(authority: string): string {
  const end = authority.startsWith("[") ? authority.indexOf("]") + 1 : authority.indexOf(":");
  return end <= 0 ? authority : authority.slice(0, end);
}

function isPort(rest: string, usual: string): boolean {
  return /^:[1-9][0-9]{0,4}$/.test(rest) && Number(rest.slice(1)) <= 65_535 && rest.slice(1) !== usual;
}

function isName(host: string): boolean {
  return host !== "" && host.split(".").every((label) => LABEL.test(label));
}

/** IPv6 in its short form (RFC 5952), all of it in hexadecimal: what it says, written again, is the same text. */
function isIpv6(host: string): boolean {
  const groups = readIpv6(host.slice(1, -1));
  return groups !== null && host === `[${shortest(groups)}]`;
}

function readIpv6(address: string): readonly number[] | null {
  const halves = address.split("::");
  if (halves.length > 2 || !/^[0-9a-f:]+$/.test(address)) return null;
  const [left, right] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (left === undefined) return null;
  const named = [...left, ...(right ?? [])];
  if (!named.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return null;
  if (right === undefined ? named.length !== 8 : named.length > 7) return null;
  const zeros = Array<string>(8 - named.length).fill("0");
  return [...left, ...zeros, ...(right ?? [])].map((group) => Number.parseInt(group, 16));
}

/** Write groups with the first of the longest runs of two or more zeros as `::`. */
function shortest(groups: readonly number[]): string {
  let best = { from: 0, length: 1 };
  for (let from = 0; from < groups.length; from++) {
    let length = 0;
    while (groups[from + length] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  const written = groups.map((group) => group.toString(16));
  if (best.length < 2) return written.join(":");
  return `${written.slice(0, best.from).join(":")}::${written.slice(best.from + best.length).join(":")}`;
}

export const serviceUri: Read<string> = (value) => {
  const uri = text(1, URI_BYTES_MAX)(value);
  demand(isOrigin(uri), "malformed", "not the URI of a service"); // SVC-1
  return uri;
};
