/** The way out. */
import { leaveFor, navigate } from '../router/router.svelte';
import { session } from './session.svelte';

/** Signs out and goes to the sign-in page; where somebody came through a service, and it is wanted, on to sign out there. */
export async function signOut(): Promise<void> {
  // The screen is left even if the server did not hear of it; its session then ends by disuse.
  const elsewhere = await session.end().catch(() => '');
  if (elsewhere) leaveFor(elsewhere);
  else navigate('/sign-in');
}
