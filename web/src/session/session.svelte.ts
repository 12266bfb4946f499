/** Who is signed in. One instance, since a browser holds one session. */
import { asFault, onSignedOut, session as api, signInServices } from '../api';
import type { BrowserJSON, Fault, Second, User } from '../api';

type Phase = 'asking' | 'in' | 'out' | 'failed';

let phase = $state<Phase>('asking');
let user = $state.raw<User | null>(null);
let fault = $state.raw<Fault | null>(null);

export const session = {
  get phase(): Phase {
    return phase;
  },
  get user(): User | null {
    return user;
  },
  /** Why asking who is signed in failed, when phase is `failed`. */
  get fault(): Fault | null {
    return fault;
  },
  get isAdmin(): boolean {
    return user?.role === 'admin';
  },
  /** May read what was done by whom. */
  get isAuditor(): boolean {
    return user?.role === 'admin' || user?.role === 'auditor';
  },

  /** Asks the server who is signed in. */
  async ask(): Promise<void> {
    phase = 'asking';
    try {
      signIn(await api.me());
    } catch (cause) {
      const failed = asFault(cause);
      if (failed.code === 'unauthenticated') signOut();
      else {
        fault = failed;
        phase = 'failed';
      }
    }
  },

  /** A second factor has to be set up before anything else works. */
  get mustEnrol(): boolean {
    return user?.must_enrol ?? false;
  },

  async start(email: string, password: string, second: Second): Promise<void> {
    signIn((await api.create(email, password, second)).user);
  },

  async startByPasskey(answer: BrowserJSON): Promise<void> {
    signIn((await api.createByPasskey(answer)).user);
  },

  /** Ends a sign-in at another service that waits for the second factor; without one it is refused with what to show. */
  async finish(second: Second): Promise<void> {
    signIn((await signInServices.finish(second)).user);
  },

  async accept(token: string, password: string, name?: string): Promise<void> {
    signIn((await api.acceptInvitation(token, password, name)).user);
  },

  /** What was said of the password is said of the one before. */
  passwordChanged(): void {
    if (user) user = { ...user, password_breached: false };
  },

  /** The session ended with whoever had it. */
  left: signOut,

  /**
   * Signs out here even when the server can't be reached: the person asked to leave this screen. Resolves to where one signs out at the
   * service that one came through, '' where that isn't wanted.
   */
  async end(): Promise<string> {
    try {
      return await api.end();
    } finally {
      signOut();
    }
  },
};

function signIn(who: User): void {
  user = who;
  fault = null;
  phase = 'in';
}

function signOut(): void {
  user = null;
  fault = null;
  phase = 'out';
}

onSignedOut(signOut);
