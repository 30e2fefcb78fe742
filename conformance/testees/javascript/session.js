// Identities, key packages, the agreement and the session around a ratchet (chapter 4), with the padding of chapter 3.
//
// Theory. A begins with B's package: three Diffie-Hellman results make the root key and two header keys. Until the first
// reply each ciphertext of A starts with an opening, sealed to the prekey and bound to the message that follows, from
// which B computes the same. The body is padded so that every ciphertext has one length.
//
// Rules: 1. AD names both identities, A first (SES-8). 2. An opening is sealed afresh (SES-9) and starts nothing from 31
// days after the package on (SES-10); one with a time begins with the package again (PORT-31). 3. B's session forgets the prekey, and takes no opening, from the first message
// without one on (SES-11). 4. A session changes only when an input was taken as a whole, its padding included (ERR-2).
'use strict';

const { Refused, join, need, sha256, u16, u8, zeros } = require('./bytes.js');
const hpke = require('./hpke.js');
const { agree, hkdf, publicOf, sign, verify } = require('./keys.js');
const ratchet = require('./ratchet.js');
const wire = require('./wire.js');

const GRACE_S = 2_678_400;
const OPENING_SEALED = 224;
const SKEW_S = 86_400n;
const BINDING = 'communicator identity binding';
const AGREEMENT = join('communicator session agreement', u8(0), u16(1));

function identity(seed, agreementSecret) {
  const agreement = publicOf('x25519', agreementSecret);
  return join(publicOf('ed25519', seed), agreement, sign(seed, BINDING, agreement));
}

const identityOf = (found) => join(found.signing, found.agreement, found.binding);

// A key package that is good at a time.
function checkPackage(encoded, now) {
  const found = wire.keyPackage(encoded);
  verify(found.signing, BINDING, found.agreement, found.binding);
  verify(found.signing, 'communicator key package', found.signed, found.signature);
  need(found.from <= now && now < found.until, 'expired', 'key package');
  return found;
}

// The three secrets of a session and its AD.
function derive(results, first, second, label = AGREEMENT) {
  const secret = join(Buffer.alloc(32, 0xff), ...results);
  const bytes = hkdf(zeros(32), secret, label, 96);
  return {
    secrets: [bytes.subarray(0, 32), bytes.subarray(32, 64), bytes.subarray(64)],
    associated: sha256(join(label, first, second)),
  };
}

const openingInfo = (message) => join('communicator session opening', u8(0), u16(1), sha256(message));

function pad(body, length) {
  need(body.length + 2 <= length, 'too-large', 'body');
  return join(u16(body.length), body, zeros(length - 2 - body.length));
}

function unpad(padded) {
  need(padded.length >= 2, 'malformed', 'padding');
  const end = 2 + padded.readUInt16BE(0);
  need(end <= padded.length, 'malformed', 'length beyond the end');
  need(padded.subarray(end).every((byte) => byte === 0), 'malformed', 'padding');
  return padded.subarray(2, end);
}

class Session {
  constructor(state, associated, fields) {
    Object.assign(this, { state, associated, opening: null, owned: null }, fields);
  }

  static start({ seed, agreementSecret, encodedPackage }, now, draws) {
    const found = checkPackage(encodedPackage, now);
    const own = identity(seed, agreementSecret);
    const ephemeral = hpke.drawKeyPair(draws, 'agreement.ephemeral');
    const results = [
      agree(agreementSecret, found.prekey, 'forged'),
      agree(ephemeral.secret, found.agreement, 'forged'),
      agree(ephemeral.secret, found.prekey, 'forged'),
    ];
    const { secrets, associated } = derive(results, own, identityOf(found));
    const state = ratchet.initiate(...secrets, found.prekey, draws);
    const opening = { bytes: join(found.identifier, own, ephemeral.public), prekey: found.prekey };
    return new Session(state, associated, { opening });
  }

  // The session of a first ciphertext, and its body.
  static accept({ agreementSecret, prekeySecret, encodedPackage, madeAt, ciphertext }, now, draws) {
    const found = checkPackage(encodedPackage, madeAt);
    wire.ciphertext(ciphertext);
    const owned = { prekeySecret, opening: null };
    const message = ciphertext.subarray(OPENING_SEALED);
    need(BigInt(now) < BigInt(found.until) + BigInt(GRACE_S), 'forged', 'the prekey is gone');
    owned.opening = openOpening(owned, ciphertext);
    if (owned.opening.subarray(0, 8).equals(zeros(8))) checkTime(owned.opening, 0, now);
    else need(owned.opening.subarray(0, 16).equals(found.identifier), 'forged', 'opening of another package');
    const peer = owned.opening.subarray(16, 144);
    const ephemeral = owned.opening.subarray(144);
    const peerAgreement = peer.subarray(32, 64);
    verify(peer.subarray(0, 32), BINDING, peerAgreement, peer.subarray(64));
    const results = [
      agree(prekeySecret, peerAgreement, 'forged'),
      agree(agreementSecret, ephemeral, 'forged'),
      agree(prekeySecret, ephemeral, 'forged'),
    ];
    const { secrets, associated } = derive(results, peer, identityOf(found));
    const session = new Session(ratchet.respond(...secrets, prekeySecret), associated, { owned });
    return [session, session.take(message, draws)];
  }

  // Decrypt and unpad; only then take over the state.
  take(message, draws) {
    const [padded, state] = ratchet.decrypt(this.state, message, this.associated, draws);
    const body = unpad(padded);
    this.state = state;
    return body;
  }

  seal(body, draws) {
    const room = wire.CIPHERTEXT - (this.opening ? OPENING_SEALED : 0) - ratchet.OVERHEAD;
    const [message, state] = ratchet.encrypt(this.state, pad(body, room), this.associated, draws);
    this.state = state;
    if (this.opening === null) return message;
    return join(hpke.seal(this.opening.prekey, openingInfo(message), this.opening.bytes, draws, 'opening.seal'), message);
  }

  open(ciphertext, draws) {
    wire.ciphertext(ciphertext);
    let body;
    try {
      body = this.take(ciphertext, draws);
    } catch (refusal) {
      if (!(refusal instanceof Refused) || refusal.kind !== 'forged' || this.owned === null) throw refusal;
      const opening = openOpening(this.owned, ciphertext);
      need(opening.equals(this.owned.opening), 'forged', 'opening of another session');
      return this.take(ciphertext.subarray(OPENING_SEALED), draws);
    }
    this.opening = null;
    this.owned = null;
    return body;
  }
}

// An opening that begins anew is later than all that were adopted before, and of today (PORT-20, in this order).
function checkTime(opening, newest, now) {
  const made = opening.readBigUInt64BE(8);
  need(made > BigInt(newest), 'replayed', 'not later than one that was adopted');
  const age = made > BigInt(now) ? made - BigInt(now) : BigInt(now) - made;
  need(age <= SKEW_S, 'expired', 'an opening of another day');
}

function openOpening(owned, ciphertext) {
  const info = openingInfo(ciphertext.subarray(OPENING_SEALED));
  return hpke.open(owned.prekeySecret, info, ciphertext.subarray(0, OPENING_SEALED));
}

module.exports = { BINDING, Session, checkPackage, checkTime, derive, identity, openOpening };
