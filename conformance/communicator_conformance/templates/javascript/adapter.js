// A first adapter, from nothing but Node's standard library: the keys and labels of profile label/1.
//
//     communicator conform --expectations known.txt -- node adapter.js
//
// It offers one role and one profile, has two of the three operations that these need, and says so in its list of known
// failures, known.txt.

const { createHmac } = require("node:crypto");
const { createInterface } = require("node:readline");

const HELLO = {
  name: "first-verdict-javascript",
  version: "1",
  language: "JavaScript",
  roles: ["rm"],
  profiles: ["label/1"],
  suites: [1],
  features: [],
};
const YEAR_S = 396 * 86_400;

/** A refusal with its normative class. */
class Refused extends Error {}

/** An unsigned integer of so many bytes, big-endian. */
function uint(value, bytes) {
  if (!Number.isSafeInteger(value) || value < 0) throw new Refused("malformed");
  if (value >= 2 ** (8 * bytes)) throw new Refused("limit");
  return Buffer.from(value.toString(16).padStart(2 * bytes, "0"), "hex");
}

/** Bytes from hex in lower case. */
function raw(text) {
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) throw new Refused("malformed");
  return Buffer.from(text, "hex");
}

const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

const OPERATIONS = {
  // HKDF-Expand(root secret, label ‖ 0 ‖ epoch, 32), for at most 396 days of whole hours.
  "label.grant"({ secret, epoch, valid_until_s: until }, now) {
    if (until % 3600) throw new Refused("malformed");
    if (until - now > YEAR_S) throw new Refused("limit");
    const info = Buffer.concat([Buffer.from("communicator label/1 epoch\0"), uint(epoch, 4), Buffer.of(1)]);
    return { key: hmac(raw(secret), info).toString("hex") };
  },
  // HMAC(epoch key, lane ‖ index), the first 16 bytes.
  "label.derive"({ key, lane, index }) {
    const place = Buffer.concat([uint(lane, 2), uint(index, 4)]);
    return { label: hmac(raw(key), place).subarray(0, 16).toString("hex") };
  },
};

function answer(request) {
  if (request.op === "hello") return { ok: HELLO };
  if (!Object.hasOwn(OPERATIONS, request.op)) return { unsupported: true };
  try {
    return { ok: OPERATIONS[request.op](request.args, request.now) };
  } catch (error) {
    if (error instanceof Refused) return { error: { class: error.message } };
    throw error; // a bug ends the program, so that it is not taken for a refusal
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify({ id: request.id, ...answer(request) }) + "\n");
});
