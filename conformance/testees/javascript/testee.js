// A testee for the conformance suite: reads requests as lines of JSON, answers each with a line.
//
// Theory. One table from operation to function. A function gets the arguments, the time and the draws of its request, and
// returns the result with byte strings as Buffers; `lines.js` does the rest. Objects live in a table of handles.
//
// Rules: 1. No clock and no randomness but the request's. 2. Nothing is decided here: an operation calls its module.
'use strict';

const addresses = require('./addresses.js');
const { ATTACHMENT_OPERATIONS } = require('./attachment.js');
const { CARRIED_OPERATIONS } = require('./carried.js');
const { unhex } = require('./bytes.js');
const { CONTENT_OPERATIONS } = require('./content.js');
const { decodeDocument } = require('./document.js');
const { DIRECTORY_OPERATIONS } = require('./directory.js');
const { HELLO } = require('./hello.js');
const hpke = require('./hpke.js');
const { serve } = require('./lines.js');
const ratchet = require('./ratchet.js');
const { restartOperations } = require('./restart.js');
const { Service } = require('./service.js');
const { Session, checkPackage } = require('./session.js');
const { tokenOperations } = require('./tokens.js');
const wire = require('./wire.js');

const objects = new Map();

function keep(object) {
  const handle = `h${objects.size}`;
  objects.set(handle, object);
  return handle;
}

function held(handle) {
  if (!objects.has(handle)) throw new Error(`no object ${handle}`);
  return objects.get(handle);
}

const keys = (list) => list.map((key) => ({
  number: key.number, secret: unhex(key.secret), public: unhex(key.public), from: key.from_s, until: key.until_s,
}));
const config = (a) => wire.config(unhex(a.config));
const resolve = ([found]) => found;
const spend = ([found, effect]) => (effect(), found);
const address = (a, now) => held(a.service).resolveAddress(unhex(a.address), unhex(a.ciphertext), now);
const label = (a, now) => held(a.service).resolveLabel(unhex(a.sealed), now);
const envelope = (a, now) => held(a.service).resolveRequest(unhex(a.envelope), now);

function sealEnvelope(a, now, draws) {
  const [where, text] = [unhex(a.address), wire.ciphertext(unhex(a.ciphertext))];
  if (where.length === 16) return wire.encodeLabelled(addresses.sealLabel(where, text, config(a), now, draws));
  return wire.encodeTwoLayer(addresses.diversify(where, text, config(a), now, draws), text);
}

function decodeBody(a) {
  const { kind, number = null, received, holds, content = null } = wire.body(unhex(a.body));
  return { kind, number, received, holds, content };
}

function encodeBody(a) {
  const content = a.content === null || a.content === undefined ? null : unhex(a.content);
  return { body: wire.encodeBody(a.kind, a.number, a.received, a.holds, content) };
}

function accept(a, now, draws) {
  const [session, body] = Session.accept({
    agreementSecret: unhex(a.agreement_secret), prekeySecret: unhex(a.prekey_secret), encodedPackage: unhex(a.package),
    madeAt: a.made_s, ciphertext: unhex(a.ciphertext),
  }, now, draws);
  return { handle: keep(session), body };
}

// Run one function of the ratchet on the state behind a handle, and keep the state after it.
function step(run, a, input, draws) {
  const holder = held(a.ratchet);
  const [output, state] = run(holder.state, unhex(input), unhex(a.associated), draws);
  holder.state = state;
  return output;
}

const wrap = (state) => ({ handle: keep({ state }) });
const secrets = (a) => [unhex(a.shared), unhex(a.header_initiator), unhex(a.header_responder)];

const OPERATIONS = {
  ...ATTACHMENT_OPERATIONS,
  ...CARRIED_OPERATIONS,
  ...CONTENT_OPERATIONS,
  'document.decode': (a) => decodeDocument(unhex(a.document), a.origin),
  ...DIRECTORY_OPERATIONS,
  ...restartOperations(keep),
  ...tokenOperations(keep, held),
  'service.load': (a) => {
    const service = new Service(a.uri, keys(a.outer), keys(a.inner));
    return { handle: keep(service), config: service.config };
  },
  'service.erase': (a, now) => (held(a.service).erase(now), {}),
  'config.decode': (a) => (({ uri, digest }) => ({ uri, digest }))(config(a)),
  'address.issue': (a, now, draws) => ({
    addresses: addresses.issue({
      root: unhex(a.root), seed: unhex(a.signing_seed), config: config(a), first: a.first, count: a.count,
      until: a.valid_until_s,
    }, now, draws),
  }),
  'address.diversify': (a, now, draws) => ({
    address: addresses.diversify(unhex(a.address), unhex(a.ciphertext), config(a), now, draws),
  }),
  'address.register': (a) => (held(a.service).register(unhex(a.root), unhex(a.verify_key)), {}),
  'address.resolve': (a, now) => resolve(address(a, now)),
  'address.spend': (a, now) => spend(address(a, now)),
  'address.revoke': (a) => (held(a.service).revoke(unhex(a.root)), {}),
  'label.grant': (a, now) => ({ key: addresses.grant(unhex(a.secret), a.epoch, a.valid_until_s, now) }),
  'label.derive': (a) => ({ label: addresses.deriveLabel(unhex(a.key), a.lane, a.index) }),
  'label.seal': (a, now, draws) => ({
    sealed: addresses.sealLabel(unhex(a.label), unhex(a.ciphertext), config(a), now, draws),
  }),
  'label.register': (a) => {
    const epoch = { epoch: a.epoch, key: unhex(a.key), capacity: a.capacity, lanes: a.lanes, until: a.valid_until_s };
    held(a.service).registerEpoch(unhex(a.root), epoch);
    return {};
  },
  'label.resolve': (a, now) => resolve(label(a, now)),
  'label.spend': (a, now) => spend(label(a, now)),
  'label.revoke': (a) => (held(a.service).revokeEpoch(unhex(a.root), a.epoch), {}),
  'envelope.seal': (a, now, draws) => ({ envelope: sealEnvelope(a, now, draws) }),
  'envelope.resolve': (a, now) => resolve(envelope(a, now)),
  'envelope.spend': (a, now) => spend(envelope(a, now)),
  'body.decode': decodeBody,
  'body.encode': encodeBody,
  'package.decode': (a, now) => ({ identifier: checkPackage(unhex(a.package), now).identifier }),
  'session.start': (a, now, draws) => ({
    handle: keep(Session.start({
      seed: unhex(a.signing_seed), agreementSecret: unhex(a.agreement_secret), encodedPackage: unhex(a.package),
    }, now, draws)),
  }),
  'session.accept': accept,
  'session.seal': (a, _now, draws) => ({ ciphertext: held(a.session).seal(unhex(a.body), draws) }),
  'session.open': (a, _now, draws) => ({ body: held(a.session).open(unhex(a.ciphertext), draws) }),
  'ratchet.initiate': (a, _now, draws) => wrap(ratchet.initiate(...secrets(a), unhex(a.peer_key), draws)),
  'ratchet.respond': (a) => wrap(ratchet.respond(...secrets(a), unhex(a.secret))),
  'ratchet.encrypt': (a, _now, draws) => ({ message: step(ratchet.encrypt, a, a.plaintext, draws) }),
  'ratchet.lose': (a, _now, draws) => ratchet.lose(held(a.ratchet), a.count, draws),
  'ratchet.decrypt': (a, _now, draws) => ({ plaintext: step(ratchet.decrypt, a, a.message, draws) }),
  'ratchet.state': (a) => ratchet.project(held(a.ratchet).state),
  'hpke.seal': ({ public_key: key, info, plaintext }, _now, draws) => (
    { sealed: hpke.seal(unhex(key), unhex(info), unhex(plaintext), draws, 'hpke') }),
  'hpke.open': (a) => ({ plaintext: hpke.open(unhex(a.secret_key), unhex(a.info), unhex(a.sealed)) }),
};

serve(HELLO, OPERATIONS);
