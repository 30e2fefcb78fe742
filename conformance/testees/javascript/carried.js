// What is carried between devices and services: deliveries to a device (3.3), submissions to a sending service (8.3).
//
// Rules: 1. Sizes first, then the structure. 2. What a submission brings is 1 to 4,096 bytes, and nothing is known of them.
'use strict';

const { need, unhex } = require('./bytes.js');
const { decode } = require('./cbor.js');
const { delivery, exactly, malformed, record, uint, uri } = require('./wire.js');

const [SUBMISSION_MAX, REQUEST_MAX, DELAY_MAX_S] = [4248, 4096, 3600];

const request = (value) => {
  malformed(Buffer.isBuffer(value) && value.length > 0, 'request');
  need(value.length <= REQUEST_MAX, 'too-large', 'request');
  return value;
};

const fields = record(
  [0, 'version', exactly(1)],
  [1, 'uri', uri],
  [2, 'request', request],
  [3, 'not_after_s', uint()],
  [4, 'delay_mean_s', uint(DELAY_MAX_S)],
);

function submission(encoded) {
  need(encoded.length <= SUBMISSION_MAX, 'too-large', 'submission');
  const { version, ...found } = fields(decode(encoded));
  return found;
}

const CARRIED_OPERATIONS = {
  'delivery.decode': (a) => {
    const { number, ciphertext, index, epoch = null } = delivery(unhex(a.delivery));
    return { number, ciphertext, index, epoch };
  },
  'submission.decode': (a) => submission(unhex(a.submission)),
};

module.exports = { CARRIED_OPERATIONS };
