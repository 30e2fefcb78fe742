/**
 * One step of a person in one relationship: what it is about, and what comes out of it.
 */

import type { Draws } from "../draws.js";
import { readNumber } from "../bytes.js";
import { RECEIPT_DELAY_S_MAX, RECEIPT_DELAY_S_MIN } from "../parameters.js";
import type { Person, Relationship, ServiceRequest, Transmission } from "./state.js";

export class Work {
  readonly requests: ServiceRequest[] = [];
  readonly transmissions: Transmission[] = [];

  constructor(
    readonly person: Person,
    readonly of: Relationship,
    readonly now: number,
    readonly draws: Draws,
  ) {}

  isSilent(uri: string): boolean {
    return this.person.silent.includes(uri);
  }

  /** When a receipt or READ that waits from now on is sent (DELIV-14, CONT-10). */
  laterS(): number {
    const span = RECEIPT_DELAY_S_MAX - RECEIPT_DELAY_S_MIN + 1;
    return this.now + RECEIPT_DELAY_S_MIN + (readNumber(this.draws.draw("person.delay", 4), 0, 4) % span);
  }

  /** Whether one more automated command may be sent (STATE-12); counts it if so. */
  spendCredit(): boolean {
    if (this.of.credit <= 0) return false;
    this.of.credit -= 1;
    return true;
  }
}
