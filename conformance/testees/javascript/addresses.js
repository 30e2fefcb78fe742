// Addresses as their owner and a sender make them: profiles two-layer/1 and label/1 (chapter 2).
//
// Theory. In two-layer/1 the owner seals root, index and date to the receiving service and signs that; the sender seals
// both again, bound to its ciphertext. In label/1 both ends derive labels from a granted key, and the sender seals label
// and ciphertext together. Every seal names its place in `info`: profile, suite, generation and URI.
//
// Rules: 1. Dates are whole hours (ADDR-4), at most 396 days ahead (ADDR-29). 2. A sender seals to the live outer
// generation that began last (ADDR-30); an owner, to a live inner generation that outlives the address (ADDR-9).
// Of two that began together, the higher number is the later. 3. Without such a generation, both are `expired`.
'use strict';

const hpke = require('./hpke.js');
const { hmac, join, need, sha256, u16, u32, u8, zeros } = require('./bytes.js');
const { expand, sign } = require('./keys.js');
const { HOUR_S, YEAR_S } = require('./wire.js');

const EMPTY = zeros(0);
const SIGNATURE = 'communicator two-layer/1 address';
const INDEX_MAX = 0xffffffff;
const KINDS = {
  inner: ['communicator two-layer/1 inner', 1],
  outer: ['communicator two-layer/1 outer', 1],
  label: ['communicator label/1 seal', 2],
};

function info(kind, generation, uri, bound) {
  const [label, profile] = KINDS[kind];
  const name = Buffer.from(uri, 'utf8');
  return join(label, u8(0), u8(profile), u16(1), u8(generation), u16(name.length), name, bound);
}

const isLive = (generation, now) => generation.from <= now && now < generation.until;

// The live generation that began last, among those that reach to a date.
function newest(generations, now, until = now) {
  const usable = generations.filter((generation) => isLive(generation, now) && generation.until >= until);
  need(usable.length > 0, 'expired', 'no generation is live for so long');
  const later = (one, other) => one.from > other.from || (one.from === other.from && one.number > other.number);
  return usable.reduce((best, other) => (later(other, best) ? other : best));
}

function checkDate(until, now) {
  need(until % HOUR_S === 0, 'malformed', 'not a whole hour');
  need(until - now <= YEAR_S, 'limit', 'more than 396 days');
}

// RDAS for `count` indices from `first` on.
function issue({ root, seed, config, first, count, until }, now, draws) {
  need(root.length === 16, 'malformed', 'length of a root');
  checkDate(until, now);
  need(first + count - 1 <= INDEX_MAX, 'limit', 'indices');
  const generation = newest(config.inner, now, until);
  const place = info('inner', generation.number, config.uri, EMPTY);
  return Array.from({ length: count }, (_, offset) => {
    const plaintext = join(root, u32(first + offset), u32(until / HOUR_S));
    const sealed = hpke.seal(generation.key, place, plaintext, draws, 'two-layer.inner');
    const rda = join(u8(generation.number), sealed);
    return join(rda, sign(seed, SIGNATURE, rda));
  });
}

// The SDA of an RDAS for one ciphertext.
function diversify(rdas, ciphertext, config, now, draws) {
  need(rdas.length === 137, 'malformed', 'length of an RDAS');
  const generation = newest(config.outer, now);
  const place = info('outer', generation.number, config.uri, sha256(ciphertext));
  return join(u8(generation.number), hpke.seal(generation.key, place, rdas, draws, 'two-layer.outer'));
}

function grant(secret, epoch, until, now) {
  need(secret.length === 32, 'malformed', 'length of a root secret');
  need(epoch <= INDEX_MAX, 'limit', 'epochs');
  checkDate(until, now);
  return expand(secret, join('communicator label/1 epoch', u8(0), u32(epoch)), 32);
}

function deriveLabel(key, lane, index) {
  need(key.length === 32, 'malformed', 'length of an epoch key');
  need(lane <= 0xffff && index <= INDEX_MAX, 'limit', 'lanes or indices');
  return hmac(key, join(u16(lane), u32(index))).subarray(0, 16);
}

function sealLabel(label, ciphertext, config, now, draws) {
  need(label.length === 16, 'malformed', 'length of a label');
  need(ciphertext.length > 0, 'malformed', 'no ciphertext');
  const generation = newest(config.outer, now);
  const place = info('label', generation.number, config.uri, EMPTY);
  return join(u8(generation.number), hpke.seal(generation.key, place, join(label, ciphertext), draws, 'label.seal'));
}

module.exports = { SIGNATURE, deriveLabel, diversify, grant, info, isLive, issue, sealLabel };
