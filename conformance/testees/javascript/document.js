// The document of an origin (8.1): JSON that may grow, and the configuration inside it.
//
// Theory. The document is read member by member, so what is not known is not looked at. The configuration gets its one
// encoding in CBOR, and is then checked like any other configuration.
//
// Rules: 1. Bytes are UTF-8 and at most 65,536 (SVC-21). 2. Every known member is checked, of every service that is there.
'use strict';

const { need } = require('./bytes.js');
const { encode } = require('./cbor.js');
const wire = require('./wire.js');

const MOST = 65536;
const DELAY_MAX_S = 3600;

const malformed = (condition, detail) => need(condition, 'malformed', detail);
const object = (value) => {
  malformed(typeof value === 'object' && value !== null && !Array.isArray(value), 'object');
  return value;
};
const member = (of, name, check) => {
  malformed(Object.hasOwn(of, name), `no ${name}`);
  return check(of[name]);
};
const uint = (value) => {
  malformed(Number.isSafeInteger(value) && value >= 0, 'integer');
  return value;
};
const text = (value) => {
  malformed(typeof value === 'string', 'text');
  return value;
};
const flag = (value) => {
  malformed(typeof value === 'boolean', 'truth value');
  return value;
};
const list = (item) => (value) => {
  malformed(Array.isArray(value), 'list');
  return value.map(item);
};
const octets = (value) => {
  const bytes = Buffer.from(text(value), 'base64url');
  malformed(bytes.toString('base64url') === value, 'base64url');
  return bytes;
};
const tokens = (value) => Object.values(object(value)).forEach(list(wire.uri));
const upload = (value) => Object.entries(object(value)).forEach(([chunks, count]) => {
  malformed(/^[1-9][0-9]{0,15}$/.test(chunks), 'count of chunks');
  uint(count);
});
const generation = (value) => {
  const of = object(value);
  return [
    member(of, 'generation', uint), member(of, 'key', octets), member(of, 'not_before', uint), member(of, 'not_after', uint),
  ];
};

function receiving(value) {
  const of = object(value);
  const config = encode(new Map([
    [0, member(of, 'uri', wire.uri)],
    [1, member(of, 'suite', uint)],
    [2, member(of, 'profiles', list(uint))],
    [3, member(of, 'outer', list(generation))],
    [4, member(of, 'inner', list(generation))],
  ]));
  for (const [name, check] of [
    ['request_bytes_max', uint], ['ciphertext_classes_bytes', list(uint)], ['latency', list(text)], ['proxy', flag],
    ['tokens', tokens],
  ]) member(of, name, check);
  return { uri: of.uri, config, digest: wire.config(config).digest };
}

function sending(value) {
  const of = object(value);
  for (const [name, check] of [
    ['uri', wire.uri], ['request_bytes_max', uint], ['queue_lifetime_s', uint], ['upload', upload], ['tokens', tokens],
  ]) member(of, name, check);
  const delays = member(of, 'delay_mean_s', list(uint));
  malformed(delays.includes(0) && delays.every((delay) => delay <= DELAY_MAX_S), 'delays');
  return { uri: of.uri, delays };
}

const mode = (value) => malformed(['brokered', 'attesting'].includes(value), 'mode');
const key = (value) => malformed(octets(value).length === 32, 'key of a directory');

// A service of which a device needs nothing here: its members are checked all the same.
const others = {
  directory: [['uri', wire.uri], ['mode', mode], ['namespace', text], ['key', key], ['tokens', tokens]],
  authorization: [['uri', wire.uri], ['issuer', text], ['epoch_s', uint], ['redeem_grace_s', uint]],
};

// JSON.parse keeps the last of two members of one name, so the names of each object are collected before.
function checkOnce(source) {
  const open = [];
  const tokens = source.match(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g) ?? [];
  tokens.forEach((token, at) => {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (tokens[at + 1] === ':') {
      const name = JSON.parse(token);
      malformed(!open.at(-1).has(name), 'a member twice');
      open.at(-1).add(name);
    }
  });
}

function parse(bytes) {
  need(bytes.length <= MOST, 'too-large', 'document');
  try {
    const source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const found = JSON.parse(source);
    checkOnce(source);
    return found;
  } catch (error) {
    return malformed(false, 'not JSON');
  }
}

// What a device takes from the document of one origin.
function decodeDocument(bytes, origin) {
  const of = object(parse(bytes));
  malformed(member(of, 'version', uint) === 1, 'version');
  const revision = member(of, 'revision', uint);
  member(of, 'operator', text);
  need(Object.hasOwn(of, 'receiving'), 'unknown', 'receiving service');
  const found = receiving(of.receiving);
  const sender = Object.hasOwn(of, 'sending') ? sending(of.sending) : { uri: found.uri, delays: [] };
  const uris = [found.uri, sender.uri];
  for (const [name, members] of Object.entries(others).filter(([name]) => Object.hasOwn(of, name))) {
    const service = object(of[name]);
    for (const [inner, check] of members) member(service, inner, check);
    uris.push(service.uri);
  }
  malformed(uris.every((uri) => uri === origin), 'origin');
  return { revision, config: found.config, digest: found.digest, delays: sender.delays };
}

module.exports = { decodeDocument };
