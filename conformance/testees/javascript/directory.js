// Directories: entries, the tree of their log, heads, proofs and contacts (section 8.4).
//
// Theory. An entry is signed by the identity that it names; its leaf is in a tree that the directory signs. A path proves
// that a leaf is in the tree, or that a smaller tree begins a larger one (RFC 9162, section 2.1).
//
// Rules: 1. Sizes first, then the structure, then signatures, then dates, then what is proved. 2. A proof that fails in
// whatever way is `forged`. 3. Verifying follows the RFC step by step; making goes down the tree.
'use strict';

const { decode, encode } = require('./cbor.js');
const { join, need, sha256, u8, unhex } = require('./bytes.js');
const { sign, verify } = require('./keys.js');
const { checkPackage } = require('./session.js');
const { addressSet, bytes, exactly, list, malformed, record, uint, uri } = require('./wire.js');

const [ENTRY_MAX, CONTACT_MAX, PATH_MAX, HEAD_AGE_S] = [512, 2900, 64, 86_400];
const [ENTRY, HEAD] = ['communicator directory entry', 'communicator directory head'];
const [hash, signature, u48] = [bytes(32), bytes(64), uint(0xffff_ffff_ffff)];
const path = list(hash, PATH_MAX);

const node = (left, right) => sha256(join(u8(1), left, right));

// -------------------------------------------------------------------- entries

function name(value) {
  malformed(typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 128, 'name');
  malformed(value.normalize('NFC') === value, 'normalization form of a name');
  return value;
}

const entryFields = record(
  [0, 'version', exactly(1)],
  [1, 'name', name],
  [2, 'sequence', uint(0xffffffff)],
  [3, 'identity', bytes(128)],
  [4, 'date', uint()],
  [5, 'signature', signature],
  [6, 'before', signature, true],
);

// The first fields of a map, as they are signed.
const fieldsUpTo = (value, last) => encode(new Map([...value].filter(([key]) => key <= last)));
const signing = (identity) => identity.subarray(0, 32);

function checkIdentity(identity) {
  verify(signing(identity), 'communicator identity binding', identity.subarray(32, 64), identity.subarray(64));
}

function entryOf(value) {
  const found = entryFields(value);
  const signed = fieldsUpTo(value, 4);
  checkIdentity(found.identity);
  verify(signing(found.identity), ENTRY, signed, found.signature);
  need(found.sequence > 0 || found.before === undefined, 'forged', 'an identity before the first');
  return { ...found, signed, encoded: encode(value) };
}

function decodeEntry(encoded, earlier) {
  need(encoded.length <= ENTRY_MAX, 'too-large', 'entry');
  const found = entryOf(decode(encoded));
  if (earlier !== undefined && earlier !== null && found.before !== undefined) {
    verify(signing(decodeEntry(earlier).identity), ENTRY, found.signed, found.before);
  }
  return found;
}

function signEntry(a, now) {
  const identity = unhex(a.identity);
  checkIdentity(identity);
  const value = new Map([[0, 1], [1, name(a.name)], [2, uint(0xffffffff)(a.sequence)], [3, identity], [4, now]]);
  const message = encode(value);
  value.set(5, sign(unhex(a.signing_seed), ENTRY, message));
  if (a.before_seed !== undefined) value.set(6, sign(unhex(a.before_seed), ENTRY, message));
  return encode(value);
}

function leafOf(entry) {
  const named = sha256(join('communicator directory name', u8(0), Buffer.from(entry.name, 'utf8')));
  return encode(new Map([[0, named], [1, entry.sequence], [2, sha256(entry.encoded)]]));
}

const leafHash = (encoded) => sha256(join(u8(0), encoded));

// -------------------------------------------------------------------- the tree

// The largest power of two below a size.
function split(size) {
  let k = 1;
  while (2 * k < size) k *= 2;
  return k;
}

function tree(hashes) {
  if (hashes.length === 0) return sha256(Buffer.alloc(0));
  if (hashes.length === 1) return hashes[0];
  const k = split(hashes.length);
  return node(tree(hashes.slice(0, k)), tree(hashes.slice(k)));
}

function inclusion(hashes, index) {
  malformed(index < hashes.length, 'index of a leaf');
  if (hashes.length === 1) return [];
  const k = split(hashes.length);
  if (index < k) return [...inclusion(hashes.slice(0, k), index), tree(hashes.slice(k))];
  return [...inclusion(hashes.slice(k), index - k), tree(hashes.slice(0, k))];
}

function consistency(hashes, first, whole = true) {
  malformed(first > 0 && first <= hashes.length, 'size of a tree');
  if (first === hashes.length) return whole ? [] : [tree(hashes)];
  const k = split(hashes.length);
  if (first <= k) return [...consistency(hashes.slice(0, k), first, whole), tree(hashes.slice(k))];
  return [...consistency(hashes.slice(k), first - k, false), tree(hashes.slice(0, k))];
}

// One step up from a node and the last node of its level; sizes may exceed 32 bits, so no bit operators.
const half = (value) => Math.floor(value / 2);
const isRight = (at, last) => at % 2 === 1 || at === last;

function rise(at, last) {
  let [place, end] = [at, last];
  if (place % 2 === 0) while (place % 2 === 0 && place > 0) [place, end] = [half(place), half(end)];
  return [half(place), half(end)];
}

function checkInclusion(leaf, index, head, siblings) {
  need(index < head.size, 'forged', 'index of a leaf');
  let [found, at, last] = [leaf, index, head.size - 1];
  for (const sibling of siblings) {
    need(last > 0, 'forged', 'a path too long');
    const right = isRight(at, last);
    found = right ? node(sibling, found) : node(found, sibling);
    [at, last] = right ? rise(at, last) : [half(at), half(last)];
  }
  need(last === 0 && found.equals(head.tree), 'forged', 'inclusion');
}

function checkConsistency(old, next, siblings) {
  if (old.size === 0) return;
  if (old.size === next.size) {
    need(old.tree.equals(next.tree), 'forged', 'two trees of one size');
    return;
  }
  let [at, last] = [old.size - 1, next.size - 1];
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  const hashes = at === 0 ? [old.tree, ...siblings] : siblings;
  need(hashes.length > 0, 'forged', 'no path');
  let [before, after] = [hashes[0], hashes[0]];
  for (const sibling of hashes.slice(1)) {
    need(last > 0, 'forged', 'a path too long');
    const right = isRight(at, last);
    if (right) before = node(sibling, before);
    after = right ? node(sibling, after) : node(after, sibling);
    [at, last] = right ? rise(at, last) : [half(at), half(last)];
  }
  need(last === 0 && before.equals(old.tree) && after.equals(next.tree), 'forged', 'consistency');
}

// -------------------------------------------------------------------- heads, proofs, contacts

const headFields = record(
  [0, 'version', exactly(1)],
  [1, 'uri', uri],
  [2, 'size', u48],
  [3, 'tree', hash],
  [4, 'date', uint()],
  [5, 'signature', signature],
);

function checkHead(value, place, key, now) {
  const found = headFields(value);
  verify(key, HEAD, fieldsUpTo(value, 4), found.signature);
  need(found.uri === place, 'forged', 'head of another directory');
  need(BigInt(now) - BigInt(found.date) <= 2 * HEAD_AGE_S, 'expired', 'head');
  return found;
}

function signHead(a, now) {
  const value = new Map([[0, 1], [1, uri(a.uri)], [2, u48(a.size)], [3, hash(unhex(a.tree))], [4, now]]);
  return encode(value.set(5, sign(unhex(a.seed), HEAD, encode(value))));
}

const reader = (a, now) => (encoded) => checkHead(decode(unhex(encoded)), uri(a.uri), unhex(a.key), now);

function joined(a, now) {
  const [old, next] = [a.old, a.new].map(reader(a, now)).sort((left, right) => left.size - right.size);
  checkConsistency(old, next, path(a.path.map(unhex)));
  return {};
}

function checkProof(a, now) {
  const value = decode(unhex(a.proof));
  const found = record([0, 'entry', entryOf], [1, 'index', u48], [2, 'path', path], [3, 'head', (head) => head])(value);
  const head = checkHead(found.head, uri(a.uri), unhex(a.key), now);
  need(found.entry.name === a.name, 'forged', 'entry of another name');
  checkInclusion(leafHash(leafOf(found.entry)), found.index, head, found.path);
  return found.entry;
}

function decodeContact(encoded, entry, now) {
  need(encoded.length <= CONTACT_MAX, 'too-large', 'contact');
  const found = record([0, 'version', exactly(1)], [1, 'package', encode], [2, 'set', addressSet])(decode(encoded));
  const checked = checkPackage(found.package, now);
  const whose = join(checked.signing, checked.agreement, checked.binding);
  need(whose.equals(entry.identity), 'forged', 'contact of another identity');
  return checked.identifier;
}
const leafFields = record([0, 'name', hash], [1, 'sequence', uint(0xffffffff)], [2, 'digest', hash]);

function hashes(a) {
  const encoded = a.leaves.map(unhex);
  for (const leaf of encoded) leafFields(decode(leaf));
  return encoded.map(leafHash);
}

const DIRECTORY_OPERATIONS = {
  'entry.sign': (a, now) => ({ entry: signEntry(a, now) }),
  'entry.decode': (a) => {
    const found = decodeEntry(unhex(a.entry), a.before === undefined ? undefined : unhex(a.before));
    return { name: found.name, sequence: found.sequence, identity: found.identity };
  },
  'entry.leaf': (a) => {
    const leaf = leafOf(decodeEntry(unhex(a.entry)));
    return { leaf, hash: leafHash(leaf) };
  },
  'tree.hash': (a) => ({ tree: tree(hashes(a)) }),
  'tree.inclusion': (a) => ({ path: inclusion(hashes(a), a.index) }),
  'tree.consistency': (a) => ({ path: consistency(hashes(a), a.first) }),
  'head.sign': (a, now) => ({ head: signHead(a, now) }),
  'head.check': (a, now) => (({ size, tree: root }) => ({ size, tree: root }))(reader(a, now)(a.head)),
  'head.join': joined,
  'proof.check': (a, now) => (({ sequence, identity }) => ({ sequence, identity }))(checkProof(a, now)),
  'contact.decode': (a, now) => ({ identifier: decodeContact(unhex(a.contact), decodeEntry(unhex(a.entry)), now) }),
};

module.exports = { DIRECTORY_OPERATIONS };
