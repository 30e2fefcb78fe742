// HPKE (RFC 9180): base mode, single shot, empty associated data, suite 1.
//
// Theory. A fresh key pair agrees with the recipient's key; key and nonce come from that secret and from `info`. A seal is
// encapsulated key (32), ciphertext (n) and tag (16), so it adds 48 bytes.
//
// Rules: 1. Every label is prefixed by "HPKE-v1" and the id of the suite it belongs to. 2. The ephemeral key pair is
// DeriveKeyPair of 32 drawn bytes. 3. Too short is `malformed`, everything else that fails is `forged`.
'use strict';

const { join, need, u16, u8, zeros } = require('./bytes.js');
const { aeadOpen, aeadSeal, agree, expand, extract, publicOf } = require('./keys.js');

const KEM = join('KEM', u16(0x0020));
const SUITE = join('HPKE', u16(0x0020), u16(0x0001), u16(0x0003));
const EMPTY = zeros(0);
const OVERHEAD = 48;

const labeledExtract = (suite, salt, label, secret) => extract(salt, join('HPKE-v1', suite, label, secret));
const labeledExpand = (suite, key, label, info, length) =>
  expand(key, join(u16(length), 'HPKE-v1', suite, label, info), length);

// DeriveKeyPair, section 7.1.3.
function deriveKeyPair(seed) {
  const secret = labeledExpand(KEM, labeledExtract(KEM, EMPTY, 'dkp_prk', seed), 'sk', EMPTY, 32);
  return { secret, public: publicOf('x25519', secret) };
}

const drawKeyPair = (draws, label) => deriveKeyPair(draws.bytes(label, 32));

// Key and nonce of the single message, sections 4.1 and 5.1.
function schedule(dh, enc, recipient, info) {
  const shared = labeledExpand(KEM, labeledExtract(KEM, EMPTY, 'eae_prk', dh), 'shared_secret', join(enc, recipient), 32);
  const idHash = labeledExtract(SUITE, EMPTY, 'psk_id_hash', EMPTY);
  const infoHash = labeledExtract(SUITE, EMPTY, 'info_hash', info);
  const context = join(u8(0), idHash, infoHash);
  const secret = labeledExtract(SUITE, shared, 'secret', EMPTY);
  return [labeledExpand(SUITE, secret, 'key', context, 32), labeledExpand(SUITE, secret, 'base_nonce', context, 12)];
}

function seal(recipient, info, plaintext, draws, label) {
  const ephemeral = drawKeyPair(draws, label);
  const [key, nonce] = schedule(agree(ephemeral.secret, recipient), ephemeral.public, recipient, info);
  return join(ephemeral.public, aeadSeal(key, nonce, plaintext, EMPTY));
}

function open(secret, info, sealed) {
  need(sealed.length >= OVERHEAD, 'malformed', 'shorter than a seal');
  const enc = sealed.subarray(0, 32);
  const [key, nonce] = schedule(agree(secret, enc, 'forged'), enc, publicOf('x25519', secret), info);
  const plaintext = aeadOpen(key, nonce, sealed.subarray(32), EMPTY);
  need(plaintext !== null, 'forged', 'seal');
  return plaintext;
}

module.exports = { drawKeyPair, open, seal };
