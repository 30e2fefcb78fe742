/**
 * Refusals: the eight classes of chapter 1 (ERR-1), and nothing else.
 *
 * A `Refusal` says that an input is wrong, never that this program is. Whatever else is thrown is a bug, and ends the
 * program: a bug must not be taken for a refusal.
 */

export type ErrorClass =
  "malformed" | "expired" | "unknown" | "forged" | "replayed" | "too-large" | "limit" | "refused";

export class Refusal extends Error {
  constructor(
    readonly kind: ErrorClass,
    detail: string,
  ) {
    super(detail);
  }
}

/** Refuse with a class of chapter 1 unless the condition holds. */
export function demand(condition: boolean, kind: ErrorClass, detail: string): asserts condition {
  if (!condition) throw new Refusal(kind, detail);
}
