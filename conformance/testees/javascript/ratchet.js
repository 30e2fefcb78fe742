// The Double Ratchet with header encryption (Signal, revision 4, section 4), with the functions of chapter 4.
//
// Theory. Each end has a sending and a receiving chain, each with a header key. A header that opens with the next
// receiving header key turns the ratchet. Keys of messages that were skipped are kept by chain, oldest chain first; a
// chain is kept, with its header key, as long as one of its keys is.
//
// Rules: 1. `decrypt` works on a copy and returns it, so a refusal changes nothing (SES-16). 2. A salt is drawn for every
// message (SES-14). 3. More than 1,000 skipped in a chain is `limit` (SES-18); 1,000 keys of a chain, 2,000 in all and 32
// chains are kept, and the oldest go first (SES-19). 4. No key: `forged`; number used or dropped: `replayed`.
'use strict';

const { hmac, join, need, refuse, u32, u8, zeros } = require('./bytes.js');
const { drawKeyPair } = require('./hpke.js');
const { aeadOpen, aeadSeal, agree, hkdf, publicOf } = require('./keys.js');

const SALT = 16;
const HEADER_SEALED = 56;
const OVERHEAD = 88;
const [SKIP_MAX, CHAIN_KEYS_MAX, STORED_KEYS_MAX, CHAINS_MAX] = [1000, 1000, 2000, 32];

// KDF_RK: root key, chain key and next header key.
function turnRoot(rootKey, dh) {
  const bytes = hkdf(rootKey, dh, Buffer.from('communicator ratchet root'), 96);
  return [bytes.subarray(0, 32), bytes.subarray(32, 64), bytes.subarray(64)];
}

const messageKeyOf = (chainKey) => hmac(chainKey, u8(1));
const nextChainKey = (chainKey) => hmac(chainKey, u8(2));
const bodyKey = (messageKey, salt) => hmac(messageKey, join('communicator ratchet message', u8(0), salt));

const EMPTY_STATE = { own: null, peer: null, root: null, previous: 0, chains: [] };
const side = (header, nextHeader) => ({ chain: null, number: 0, header, nextHeader });

function initiate(shared, headerInitiator, headerResponder, peer, draws) {
  const own = drawKeyPair(draws, 'ratchet.key');
  const [root, chain, nextHeader] = turnRoot(shared, agree(own.secret, peer));
  const sending = { ...side(headerInitiator, nextHeader), chain };
  return { ...EMPTY_STATE, own, peer, root, sending, receiving: side(null, headerResponder) };
}

function respond(shared, headerInitiator, headerResponder, secret) {
  const own = { secret, public: publicOf('x25519', secret) };
  return { ...EMPTY_STATE, own, root: shared, sending: side(null, headerResponder), receiving: side(null, headerInitiator) };
}

// The message, and the state after it.
function encrypt(state, plaintext, associated, draws) {
  const { sending } = state;
  need(sending.chain !== null, 'refused', 'nothing has arrived yet');
  const salt = draws.bytes('ratchet.salt', SALT);
  const header = join(state.own.public, u32(state.previous), u32(sending.number));
  const sealedHeader = aeadSeal(sending.header, salt.subarray(0, 12), header, associated);
  const key = bodyKey(messageKeyOf(sending.chain), salt);
  const body = aeadSeal(key, zeros(12), plaintext, join(associated, salt, sealedHeader));
  const after = { ...sending, chain: nextChainKey(sending.chain), number: sending.number + 1 };
  return [join(salt, sealedHeader, body), { ...state, sending: after }];
}

// Encrypt messages that nobody gets.
function lose(holder, count, draws) {
  need(Number.isSafeInteger(count) && count >= 0 && count <= 2 * SKIP_MAX, 'malformed', 'count');
  for (let left = count; left > 0; left -= 1) [, holder.state] = encrypt(holder.state, zeros(0), zeros(0), draws);
  return {};
}

// A message taken apart, with what opens its two seals.
class Message {
  constructor(bytes, associated) {
    need(bytes.length >= OVERHEAD, 'malformed', 'shorter than a message');
    this.salt = bytes.subarray(0, SALT);
    this.sealedHeader = bytes.subarray(SALT, SALT + HEADER_SEALED);
    this.sealedBody = bytes.subarray(SALT + HEADER_SEALED);
    this.associated = associated;
  }

  header(key) {
    const bytes = key && aeadOpen(key, this.salt.subarray(0, 12), this.sealedHeader, this.associated);
    return bytes && { peer: bytes.subarray(0, 32), previous: bytes.readUInt32BE(32), number: bytes.readUInt32BE(36) };
  }

  body(messageKey) {
    const associated = join(this.associated, this.salt, this.sealedHeader);
    const plaintext = aeadOpen(bodyKey(messageKey, this.salt), zeros(12), this.sealedBody, associated);
    need(plaintext !== null, 'forged', 'body');
    return plaintext;
  }
}

// Keep the keys of the receiving chain up to a number.
function skip(state, until) {
  const { receiving } = state;
  need(until - receiving.number <= SKIP_MAX, 'limit', 'skipped messages');
  if (receiving.chain === null || until <= receiving.number) return;
  let chain = state.chains.find((other) => other.header.equals(receiving.header));
  if (chain === undefined) {
    chain = { header: receiving.header, keys: new Map(), end: 0 };
    state.chains.push(chain);
  }
  for (; receiving.number < until; receiving.number += 1) {
    chain.keys.set(receiving.number, messageKeyOf(receiving.chain));
    receiving.chain = nextChainKey(receiving.chain);
  }
}

function turn(state, peer, draws) {
  const { sending, receiving } = state;
  const ended = state.chains.find((chain) => receiving.header && chain.header.equals(receiving.header));
  if (ended !== undefined) ended.end = receiving.number;
  const [middle, receivingChain, receivingNext] = turnRoot(state.root, agree(state.own.secret, peer));
  const own = drawKeyPair(draws, 'ratchet.key');
  const [root, sendingChain, sendingNext] = turnRoot(middle, agree(own.secret, peer));
  Object.assign(state, { own, peer, root, previous: sending.number });
  state.sending = { ...side(sending.nextHeader, sendingNext), chain: sendingChain };
  state.receiving = { ...side(receiving.nextHeader, receivingNext), chain: receivingChain };
}

function trim(state) {
  const dropOldest = (chain) => chain.keys.delete(chain.keys.keys().next().value);
  const total = () => state.chains.reduce((sum, chain) => sum + chain.keys.size, 0);
  for (const chain of state.chains) while (chain.keys.size > CHAIN_KEYS_MAX) dropOldest(chain);
  for (let over = total() - STORED_KEYS_MAX; over > 0; over -= 1) {
    dropOldest(state.chains.find((chain) => chain.keys.size > 0));
  }
  state.chains = state.chains.filter((chain) => chain.keys.size > 0).slice(-CHAINS_MAX);
}

const copy = (state) => ({
  ...state,
  receiving: { ...state.receiving },
  chains: state.chains.map((chain) => ({ ...chain, keys: new Map(chain.keys) })),
});

// A message of a chain that keys are kept of: its key, or why there is none. Undefined when it lies further on.
function kept(state, chain, number) {
  const key = chain.keys.get(number);
  if (key !== undefined) {
    chain.keys.delete(number);
    return key;
  }
  const current = state.receiving.header !== null && chain.header.equals(state.receiving.header);
  if (number < (current ? state.receiving.number : chain.end)) refuse('replayed', 'read before, or dropped');
  return current ? undefined : refuse('forged', 'beyond the end of its chain');
}

// The plaintext, and the state after it.
function decrypt(before, bytes, associated, draws) {
  const state = copy(before);
  const message = new Message(bytes, associated);
  for (const chain of state.chains) {
    const header = message.header(chain.header);
    const key = header ? kept(state, chain, header.number) : undefined;
    if (key !== undefined) {
      const plaintext = message.body(key);
      trim(state);
      return [plaintext, state];
    }
  }
  let header = message.header(state.receiving.header);
  if (header) {
    need(header.number >= state.receiving.number, 'replayed', 'read before');
  } else {
    header = message.header(state.receiving.nextHeader);
    need(header, 'forged', 'no key opens the header');
    skip(state, header.previous);
    turn(state, header.peer, draws);
  }
  skip(state, header.number);
  const { receiving } = state;
  const plaintext = message.body(messageKeyOf(receiving.chain));
  receiving.chain = nextChainKey(receiving.chain);
  receiving.number += 1;
  trim(state);
  return [plaintext, state];
}

const project = (state) => ({
  sent: state.sending.number,
  received: state.receiving.number,
  previous: state.previous,
  kept: state.chains.map((chain) => chain.keys.size),
});

module.exports = { OVERHEAD, decrypt, encrypt, initiate, lose, project, respond };
