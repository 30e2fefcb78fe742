/**
 * Lengths, limits, lifetimes and labels of the standard, as `spec/parameters.md` has them, under its names.
 *
 * Units are last in names. A number that a structure of the wire schema fixes by itself stands there and not here.
 */

import { ascii } from "./bytes.js";

export const DAY_S = 86_400;

export const ROOT_BYTES = 16;
export const LABEL_BYTES = 16;
export const KEY_BYTES = 32;
export const INDEX_MAX = 0xffff_ffff;
export const LANE_MAX = 0xffff;
export const EPOCH_MAX = 0xffff_ffff;
export const HOUR_S = 3_600;
export const HOURS_MAX = 0xffff_ffff;
export const RDA_BYTES = 73;
export const RDAS_BYTES = 137;
export const SDA_BYTES = 186;
export const LABEL_WINDOW = 256;
export const LIFETIME_EPHEMERAL_S_MAX = 31 * DAY_S;
export const LIFETIME_LONG_TERM_S_MAX = 396 * DAY_S;
export const BATCH_EPHEMERAL = 4;
export const BATCH_LONG_TERM = 2;
export const GRANT_CAPACITY_MAX = 65_536;
export const URI_BYTES_MAX = 128;
export const GENERATIONS_MAX = 8;
export const SEAL_OVERHEAD_BYTES = 48;
export const LABEL_OVERHEAD_BYTES = 65;

export const REQUEST_BYTES_MAX = 4_096;
export const DEVICE_BYTES_MAX = 2_900;
export const CIPHERTEXT_BYTES = 2_800;
export const NESTING_MAX = 8;
export const SERVICES_MAX = 8;
export const GRANTS_MAX = 16;
export const RANGES_MAX = 32;
export const NUMBER_MAX = 2 ** 48 - 1;
export const SUBMISSION_BYTES_MAX = 4_248;
export const DOCUMENT_BYTES_MAX = 65_536;
export const CONTACT_BYTES_MAX = 2_900;
export const ENTRY_BYTES_MAX = 512;

export const IDENTITY_BYTES = 128;
export const PACKAGE_ID_BYTES = 16;
export const PACKAGE_LIFETIME_S_MAX = 396 * DAY_S;
export const PACKAGE_GRACE_S = 31 * DAY_S;
export const BACKDATE_S = DAY_S;
export const OPENING_BYTES = 176;
export const OPENING_SEALED_BYTES = 224;
export const SALT_BYTES = 16;
export const HEADER_BYTES = 40;
export const HEADER_SEALED_BYTES = 56;
export const RATCHET_OVERHEAD_BYTES = 88;
export const LENGTH_PREFIX_BYTES = 2;
export const SKIP_MAX = 1_000;
export const CHAIN_KEYS_MAX = 1_000;
export const STORED_KEYS_MAX = 2_000;
export const RECEIVING_CHAINS_MAX = 32;

export const HYBRID_PUBLIC_BYTES = 1_216;
export const HYBRID_ENCAPSULATED_BYTES = 1_120;
export const HYBRID_SECRET_BYTES = 32;
export const HYBRID_OPENING_SEALED_BYTES = 1_344;

export const LONG_TERM_LIFETIME_S = 365 * DAY_S;
export const LONG_TERM_REFRESH_S = 10_512_000;
export const EPHEMERAL_LIFETIME_S = 7 * DAY_S;
export const EPHEMERAL_REFRESH_S = 201_600;
export const ANNOUNCE_SPREAD_S = DAY_S;
export const RECEIPT_DELAY_S_MIN = 300;
export const RECEIPT_DELAY_S_MAX = 3_600;
export const ESCALATE_AFTER_S = 93_600;
export const MESSAGE_LIFETIME_S = 14 * DAY_S;
export const QUEUE_LIFETIME_S = 2 * DAY_S;
export const RETRY_S_MIN = 30;
export const RETRY_S_MAX = 14_400;
export const UNREACHABLE_NOTICE_S = 900;
export const SUSPECT_S = 21_600;
export const DELAY_MEAN_S_MAX = 3_600;
export const ROOT_MESSAGES_MAX = 1_024;

export const RESYNC_ATTEMPTS_MAX = 3;
export const RESYNC_WINDOW_S = DAY_S;
export const CLOCK_SKEW_S = DAY_S;
export const POSITION_SKIP = 128;
export const POSITION_SKIP_AGAIN = 16;
export const SERIAL_GAP = 256;

export const HEAD_AGE_S_MAX = 2 * DAY_S;
export const PROOF_HASHES_MAX = 64;

export const LABELS = {
  inner: ascii("communicator two-layer/1 inner"),
  outer: ascii("communicator two-layer/1 outer"),
  address: ascii("communicator two-layer/1 address"),
  seal: ascii("communicator label/1 seal"),
  epoch: ascii("communicator label/1 epoch"),
  config: ascii("communicator service configuration"),
  binding: ascii("communicator identity binding"),
  package: ascii("communicator key package"),
  agreement: ascii("communicator session agreement"),
  opening: ascii("communicator session opening"),
  ratchetRoot: ascii("communicator ratchet root"),
  ratchetMessage: ascii("communicator ratchet message"),
  resync: ascii("communicator session resynchronisation"),
  attachment: ascii("communicator attachment"),
  entry: ascii("communicator directory entry"),
  name: ascii("communicator directory name"),
  head: ascii("communicator directory head"),
} as const;
