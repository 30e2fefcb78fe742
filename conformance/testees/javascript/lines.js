// The loop of the line protocol: a request of one line of JSON in, an answer of one line out.
//
// Theory. A table maps operations to functions of arguments, time and draws; what they return is the answer, with byte
// strings as hex and integers in full, whatever their size.
//
// Rules: 1. Only a `Refused` becomes an error; anything else ends the program, so that a bug is not taken for a refusal.
// 2. An operation that is not in the table is `unsupported`.
'use strict';

const readline = require('node:readline');
const { Draws, Refused, unhex } = require('./bytes.js');

function respond(hello, operations, { op, args, now, entropy }) {
  if (op === 'hello') return { ok: hello };
  if (!Object.hasOwn(operations, op)) return { unsupported: true };
  try {
    return { ok: operations[op](args, now, new Draws(unhex(entropy))) };
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    return { error: { class: refusal.kind, detail: refusal.message } };
  }
}

// JSON knows no integers above 2^53; they pass as marked text and lose the mark.
function write(value) {
  const plain = (_key, item) => {
    if (typeof item === 'bigint') return `bigint:${item}`;
    return item?.type === 'Buffer' ? Buffer.from(item.data).toString('hex') : item;
  };
  return JSON.stringify(value, plain).replace(/"bigint:(\d+)"/g, '$1');
}

function serve(hello, operations) {
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const request = JSON.parse(line);
    process.stdout.write(`${write({ id: request.id, ...respond(hello, operations, request) })}\n`);
  });
}

module.exports = { serve };
