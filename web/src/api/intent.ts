/** Keys that make repeating harmless: the same key for the same body, a new one once the body differs. */
import { idempotencyKey } from './index';

export class Intent {
  #body = '';
  #key = '';

  /** The key for sending this body. Sending it again after a lost answer uses the same key. */
  keyFor(body: unknown): string {
    const text = JSON.stringify(body);
    if (!this.#key || text !== this.#body) {
      this.#body = text;
      this.#key = idempotencyKey();
    }
    return this.#key;
  }

  /** After success: sending the same once more is meant to create another one. */
  done(): void {
    this.#key = '';
  }
}
