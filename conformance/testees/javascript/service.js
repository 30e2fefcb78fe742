// A receiving service: its keys by generation, its roots, and the ordered checks that resolve an address (chapter 2).
//
// Theory. A root has a verifying key and spent indices (two-layer/1), and epochs with a window of labels for each lane
// (label/1). Resolving looks and changes nothing; spending resolves and then marks. The window of a lane is kept as a
// table from label to index, so a label is looked up and not searched for.
//
// Rules: 1. The class is that of the first step that fails (ADDR-15, ADDR-21). 2. A window is the unspent indices in
// [max(0, top - 256), top + 256) below the capacity (ADDR-22). 3. A date refuses from its own second on (ADDR-16).
// 4. Erasing forgets secret keys and epochs whose date has passed (ADDR-23, ADDR-27).
'use strict';

const hpke = require('./hpke.js');
const { SIGNATURE, deriveLabel, info, isLive } = require('./addresses.js');
const { hex, need, sha256, zeros } = require('./bytes.js');
const { verify } = require('./keys.js');
const wire = require('./wire.js');

const EMPTY = zeros(0);
const WINDOW = 256;

// The labels of one lane that are good now.
class Lane {
  constructor(key, number, capacity) {
    Object.assign(this, { key, number, capacity, top: 0, derived: 0, labels: new Map() });
    this.extend();
  }

  extend() {
    for (; this.derived < Math.min(this.top + WINDOW, this.capacity); this.derived += 1) {
      this.labels.set(hex(deriveLabel(this.key, this.number, this.derived)), this.derived);
    }
  }

  spend(spent) {
    this.top = Math.max(this.top, spent + 1);
    for (const [label, index] of this.labels) {
      if (index === spent || index < this.top - WINDOW) this.labels.delete(label);
    }
    this.extend();
  }
}

class Service {
  constructor(uri, outer, inner) {
    need(outer.length <= 8 && inner.length <= 8, 'limit', 'generations');
    Object.assign(this, { uri, outer, inner, roots: new Map(), config: wire.encodeConfig(uri, outer, inner) });
    wire.config(this.config);
  }

  root(name) {
    need(name.length === 16, 'malformed', 'length of a root');
    if (!this.roots.has(hex(name))) this.roots.set(hex(name), { key: null, spent: new Set(), epochs: new Map() });
    return this.roots.get(hex(name));
  }

  register(root, key) {
    need(key.length === 32, 'malformed', 'length of a key');
    const found = this.root(root);
    need(found.key === null || found.key.equals(key), 'refused', 'registered already');
    found.key = key;
  }

  registerEpoch(root, { epoch, key, capacity, lanes, until }) {
    need(key.length === 32, 'malformed', 'length of an epoch key');
    need(until % wire.HOUR_S === 0, 'malformed', 'not a whole hour');
    need(capacity >= 1 && capacity <= 65536, 'limit', 'capacity');
    need(lanes >= 1 && lanes <= 65535, 'limit', 'lanes');
    need(epoch <= 0xffffffff, 'limit', 'epoch');
    const { epochs } = this.root(root);
    const known = epochs.get(epoch);
    if (known !== undefined) {
      const [lane] = known.lanes;
      const same = lane.key.equals(key) && lane.capacity === capacity && known.lanes.length === lanes;
      need(same && known.until === until, 'refused', 'registered already');
      return;
    }
    epochs.set(epoch, { until, lanes: Array.from({ length: lanes }, (_, lane) => new Lane(key, lane, capacity)) });
  }

  revoke(name) {
    Object.assign(this.root(name), { key: null, spent: new Set() });
  }

  revokeEpoch(name, epoch) {
    const { epochs } = this.root(name);
    if (epoch === undefined || epoch === null) epochs.clear();
    else epochs.delete(epoch);
  }

  erase(now) {
    this.outer = this.outer.filter((generation) => now < generation.until);
    this.inner = this.inner.filter((generation) => now < generation.until);
    for (const root of this.roots.values()) {
      for (const [epoch, { until }] of root.epochs) if (until <= now) root.epochs.delete(epoch);
    }
  }

  // Open `generation, seal` with the live key of that generation.
  open(kind, bytes, bound, now) {
    const generation = this[kind === 'inner' ? 'inner' : 'outer'].find(
      (other) => other.number === bytes[0] && isLive(other, now),
    );
    need(generation !== undefined, 'unknown', 'generation');
    return hpke.open(generation.secret, info(kind, generation.number, this.uri, bound), bytes.subarray(1));
  }

  // Profile two-layer/1, the six steps.
  resolveAddress(sda, ciphertext, now) {
    need(sda.length === 186, 'malformed', 'length of an SDA');
    const rdas = this.open('outer', sda, sha256(ciphertext), now);
    need(rdas.length === 137, 'malformed', 'length of an RDAS');
    const rda = rdas.subarray(0, 73);
    const plaintext = this.open('inner', rda, EMPTY, now);
    need(plaintext.length === 24, 'malformed', 'length of an inner plaintext');
    const [name, index, hours] = [plaintext.subarray(0, 16), plaintext.readUInt32BE(16), plaintext.readUInt32BE(20)];
    const root = this.roots.get(hex(name));
    need(root !== undefined && root.key !== null, 'unknown', 'root');
    verify(root.key, SIGNATURE, rda, rdas.subarray(73));
    need(now < hours * wire.HOUR_S, 'expired', 'address');
    need(!root.spent.has(index), 'replayed', 'address');
    const found = { root: name, index, valid_until_s: hours * wire.HOUR_S };
    return [found, () => root.spent.add(index)];
  }

  // Profile label/1, the three steps.
  resolveLabel(sealed, now) {
    need(sealed.length > wire.LABEL_OVERHEAD, 'malformed', 'length of an envelope');
    const opened = this.open('label', sealed, EMPTY, now);
    const [label, ciphertext] = [hex(opened.subarray(0, 16)), opened.subarray(16)];
    const [name, epoch, until, lane] = this.find(label);
    need(now < until, 'expired', 'epoch');
    const index = lane.labels.get(label);
    const found = { root: Buffer.from(name, 'hex'), epoch, lane: lane.number, index, valid_until_s: until, ciphertext };
    return [found, () => lane.spend(index)];
  }

  find(label) {
    for (const [name, root] of this.roots) {
      for (const [epoch, { until, lanes }] of root.epochs) {
        const lane = lanes.find((other) => other.labels.has(label));
        if (lane !== undefined) return [name, epoch, until, lane];
      }
    }
    return need(false, 'unknown', 'label');
  }

  // A request of either profile.
  resolveRequest(encoded, now) {
    const request = wire.request(encoded);
    if (request.profile === 2) return this.resolveLabel(request.sealed, now);
    const [found, spend] = this.resolveAddress(request.sda, request.ciphertext, now);
    return [{ ...found, ciphertext: request.ciphertext }, spend];
  }
}

module.exports = { Service };
