/** A failed call in terms a screen can act on: what kind, which field, whom to name to support. */
import type { BrowserJSON, Instrument, ProblemDocument } from './types';

/** The server's problem codes, and `offline` for a call that never reached it. */
export type FaultCode =
  | 'invalid'
  | 'unauthenticated'
  | 'denied'
  | 'not_found'
  | 'conflict'
  | 'stale'
  | 'limited'
  | 'too_large'
  | 'unavailable'
  | 'internal'
  | 'offline';

const codeByStatus: Record<number, FaultCode> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'denied',
  404: 'not_found',
  409: 'conflict',
  412: 'stale',
  413: 'too_large',
  422: 'invalid',
  429: 'limited',
  503: 'unavailable',
};

const titles: Record<FaultCode, string> = {
  invalid: 'Something in it is not right.',
  unauthenticated: 'You are signed out.',
  denied: 'You may not do this.',
  not_found: 'It is not there any more.',
  conflict: 'It clashes with something that exists.',
  stale: 'It was changed in the meantime. Load it again and look before you repeat this.',
  limited: 'Too many requests. Wait a moment.',
  too_large: 'It is too large.',
  unavailable: 'The server is busy. Try again in a moment.',
  internal: 'The server made a mistake.',
  offline: 'The server cannot be reached.',
};

/** Thrown by every call of the API client. `message` is a sentence for the person who looks at it. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly status: number;
  readonly requestId: string | null;
  /** What is wrong with which field; location as the server names it, e.g. "activities[0].quantity". */
  readonly fields: { location: string; message: string; activityId: string | null }[];
  readonly candidates: Instrument[];
  /** What exists already, where a creation was refused for it. */
  readonly existing: Instrument | null;
  readonly retryAfterSeconds: number | null;
  /** A code is needed with the password, or a second factor has to be set up first. */
  readonly secondFactor: 'required' | 'enrol' | null;
  /** What has to be asked for before this is done. */
  readonly stepUp: 'password' | 'password_and_code' | null;
  /** What to ask a passkey with, in place of a code; null where there is none. */
  readonly passkey: BrowserJSON | null;

  constructor(status: number, problem: ProblemDocument | null, retryAfterSeconds: number | null = null) {
    const code = faultCode(status, problem);
    super(problem?.detail || titles[code]);
    this.name = 'Fault';
    this.code = code;
    this.status = status;
    this.requestId = problem?.request_id ?? null;
    this.fields = (problem?.errors ?? []).map((error) => ({
      location: error.location ?? '',
      message: error.message,
      activityId: error.activity_id ?? null,
    }));
    this.candidates = problem?.candidates ?? [];
    this.existing = problem?.existing ?? null;
    this.retryAfterSeconds = retryAfterSeconds;
    this.secondFactor = problem?.second_factor ?? null;
    this.stepUp = problem?.step_up ?? null;
    this.passkey = problem?.passkey ?? null;
  }

  /** The message of the first error whose location ends in the field's name, e.g. `quantity`. */
  field(name: string): string | null {
    const hit = this.fields.find(
      ({ location }) => location === name || location.endsWith(`.${name}`) || location.endsWith(`/${name}`),
    );
    return hit?.message ?? null;
  }

  /** The recorded activity that is in the way, where one is. */
  get activityId(): string | null {
    return this.fields.find(({ activityId }) => activityId !== null)?.activityId ?? null;
  }

  /** Messages of errors that belong to none of these fields, so that no complaint is lost. */
  except(names: string[]): string[] {
    return this.fields
      .filter(({ location }) => !names.includes(location.split(/[./]/).at(-1) ?? ''))
      .map(({ message }) => message);
  }
}

function faultCode(status: number, problem: ProblemDocument | null): FaultCode {
  if (problem?.code && problem.code in titles) return problem.code as FaultCode;
  if (status === 0) return 'offline';
  return codeByStatus[status] ?? 'internal';
}

/** Any thrown thing as a Fault: a bug of ours counts as internal, a network error as offline. */
export function asFault(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  if (cause instanceof TypeError) return new Fault(0, null);
  return new Fault(500, { detail: cause instanceof Error ? cause.message : String(cause) });
}
