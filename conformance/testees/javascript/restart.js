// Sessions that begin anew after a restored backup (chapter 12.6).
//
// Theory. The agreement is that of chapter 4 with the peer's agreement key in place of the prekey, another label, and
// 8 zeros and a time in place of the package's name. The opening is sealed to the peer's agreement key.
//
// Rules: 1. An opening of nobody but the peer counts. 2. It counts if it is later than all that were adopted before, else
// it is replayed; and if it is within a day of now, else it has expired (PORT-20), in this order.
'use strict';

const { join, need, u16, u8, unhex, zeros } = require('./bytes.js');
const hpke = require('./hpke.js');
const { agree, verify } = require('./keys.js');
const ratchet = require('./ratchet.js');
const { BINDING, Session, checkTime, derive, identity, openOpening } = require('./session.js');
const wire = require('./wire.js');

const LABEL = join('communicator session resynchronisation', u8(0), u16(1));
const OPENING_SEALED = 224;

function time(seconds) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(seconds));
  return bytes;
}

function peerOf(a) {
  const whole = unhex(a.peer);
  need(whole.length === 128, 'malformed', 'identity');
  verify(whole.subarray(0, 32), BINDING, whole.subarray(32, 64), whole.subarray(64));
  return { whole, agreement: whole.subarray(32, 64) };
}

function restart(a, now, draws) {
  const [secret, peer] = [unhex(a.agreement_secret), peerOf(a)];
  const own = identity(unhex(a.signing_seed), secret);
  const ephemeral = hpke.drawKeyPair(draws, 'agreement.ephemeral');
  const passing = agree(ephemeral.secret, peer.agreement, 'forged');
  const results = [agree(secret, peer.agreement, 'forged'), passing, passing];
  const { secrets, associated } = derive(results, own, peer.whole, LABEL);
  const bytes = join(zeros(8), time(now), own, ephemeral.public);
  const opening = { bytes, prekey: peer.agreement };
  return new Session(ratchet.initiate(...secrets, peer.agreement, draws), associated, { opening });
}

function answer(a, now, draws) {
  const [secret, peer, ciphertext] = [unhex(a.agreement_secret), peerOf(a), unhex(a.ciphertext)];
  wire.ciphertext(ciphertext);
  const owned = { prekeySecret: secret, opening: null };
  owned.opening = openOpening(owned, ciphertext);
  const isPeers = owned.opening.subarray(16, 144).equals(peer.whole);
  need(owned.opening.subarray(0, 8).equals(zeros(8)) && isPeers, 'forged', 'no restart of this peer');
  checkTime(owned.opening, a.newest_s, now);
  const passing = agree(secret, owned.opening.subarray(144), 'forged');
  const own = identity(unhex(a.signing_seed), secret);
  const { secrets, associated } = derive([agree(secret, peer.agreement, 'forged'), passing, passing], peer.whole, own, LABEL);
  const session = new Session(ratchet.respond(...secrets, secret), associated, { owned });
  return [session, session.take(ciphertext.subarray(OPENING_SEALED), draws)];
}

const restartOperations = (keep) => ({
  'session.restart': (a, now, draws) => ({ handle: keep(restart(a, now, draws)) }),
  'session.answer': (a, now, draws) => {
    const [session, body] = answer(a, now, draws);
    return { handle: keep(session), body };
  },
});

module.exports = { restartOperations };
