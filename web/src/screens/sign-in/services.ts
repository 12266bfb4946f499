/** What other services people may sign in with, and what is said where that came to nothing. */
import { signInServices } from '../../api';
import type { SignInService } from '../../api';

/** The services that this server offers; none where it can't be asked, since the other ways in go on. */
export function offered(): Promise<SignInService[]> {
  return signInServices.list().then(
    ({ items }) => items,
    () => [],
  );
}

/** What became of a sign-in by the server's name for it, and what to do now; %s is the service's label. */
const troubles = new Map([
  ['unavailable', 'Sign-in with %s is not available at the moment. Try again later, or sign in another way.'],
  ['declined', '%s did not sign you in. Try again, or sign in another way.'],
  [
    'over',
    'This sign-in with %s took too long, was used already or was begun in another browser. Begin again.',
  ],
  ['untrusted', 'The answer of %s can’t be trusted, so nobody was signed in. Tell whoever runs this server.'],
  [
    'unknown',
    'No account here is linked with this sign-in at %s. Sign in another way first, then link it under Account and security.',
  ],
  [
    'unverified',
    '%s has no verified e-mail address of yours, so no account can be made. Have it verified there, or ask for an invitation here.',
  ],
  [
    'taken',
    'There is an account with your e-mail address already. Sign in to it another way first, then link %s under Account and security.',
  ],
  ['linked', 'This sign-in at %s is linked to an account already.'],
  ['other', 'This is not the sign-in at %s that is linked to your account.'],
  ['barred', 'The account that is linked with this sign-in at %s may not be used. Ask an administrator.'],
]);

/** What to tell whoever comes back with a trouble; '' where there is none. Only names that this server offers are shown. */
export function troubleText(kind: string | null, name: string | null, services: SignInService[]): string {
  const label = services.find((service) => service.name === name)?.label;
  if (!kind || !label) return '';
  const text = troubles.get(kind) ?? 'Signing in with %s came to nothing. Try again.';
  return text.replace('%s', () => label);
}
