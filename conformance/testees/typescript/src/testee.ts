/**
 * The testee: what it offers, and where its operations are.
 */

import { addressOperations } from "./adapter/addresses.js";
import { carriedOperations } from "./adapter/carried.js";
import { serve } from "./adapter/lines.js";
import { personOperations } from "./adapter/people.js";
import { serviceOperations } from "./adapter/services.js";
import { sessionOperations } from "./adapter/sessions.js";

const HELLO = {
  name: "communicator-typescript",
  version: "0.1.0",
  language: "TypeScript",
  roles: ["rm", "ssa", "rsa", "ds", "as"],
  profiles: ["two-layer/1", "label/1"],
  suites: [1, 2],
  features: [
    "config",
    "envelope",
    "body",
    "session",
    "resync",
    "hybrid",
    "ratchet",
    "content",
    "attachment",
    "fingerprint",
    "directory",
    "document",
    "token",
    "hpke",
    "derandomized",
    "projection",
    "live",
  ],
};

await serve(HELLO, {
  ...addressOperations,
  ...sessionOperations,
  ...carriedOperations,
  ...personOperations,
  ...serviceOperations,
});
