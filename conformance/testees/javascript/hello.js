// What this testee is and offers: its answer to the first question of the suite.
//
// Rules: 1. An area that is offered has all of its operations.
'use strict';

const HELLO = {
  name: 'javascript-from-the-text',
  version: '1',
  language: 'JavaScript',
  roles: ['rm', 'ssa', 'rsa', 'ds', 'as'],
  profiles: ['two-layer/1', 'label/1'],
  suites: [1],
  features: [
    ...['attachment', 'body', 'config', 'content', 'document', 'envelope', 'fingerprint', 'hpke', 'ratchet', 'session'],
    ...['directory', 'resync', 'token', 'derandomized', 'projection'],
  ],
};

module.exports = { HELLO };
