/** Risky acts ask for the password again. An act is tried, and tried once more after the password was given. */
import { asFault, session as api } from '../../api';
import type { BrowserJSON, Second } from '../../api';

export interface Asked {
  /** A code of the second factor is needed too. */
  code: boolean;
  /** What to ask a passkey with instead; null where there is none. */
  passkey: BrowserJSON | null;
  answer: (given: boolean) => void;
}

let asked = $state.raw<Asked | null>(null);

export const stepUp = {
  /** What StepUp.svelte shows. */
  get asked(): Asked | null {
    return asked;
  },

  /** Does something that may be risky. Null when the person would rather not give the password. */
  async before<T>(act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (cause) {
      const fault = asFault(cause);
      if (!fault.stepUp) throw fault;
      const code = fault.stepUp === 'password_and_code';
      const given = await new Promise<boolean>(
        (answer) => (asked = { code, passkey: fault.passkey, answer }),
      );
      asked = null;
      return given ? await act() : null;
    }
  },

  /** A passkey does without the password. */
  async give(shown: { password?: string } & Second): Promise<void> {
    await api.stepUp(shown);
    asked?.answer(true);
  },

  dismiss(): void {
    asked?.answer(false);
  },
};
