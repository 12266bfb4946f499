/** What was done, in words; ids of actions are the server's. */
const words: Record<string, string> = {
  'session.create': 'Signed in',
  'session.refused': 'Sign-in refused',
  'session.delete': 'Signed out',
  'session.step_up': 'Confirmed who they are',
  'session.step_up_refused': 'Confirmation refused',
  'session.revoke': 'Session ended from elsewhere',
  'second_factor.refused': 'Code refused',
  'second_factor.start': 'Second factor begun',
  'second_factor.confirm': 'Second factor set up',
  'second_factor.remove': 'Second factor removed',
  'second_factor.new_recovery_codes': 'New recovery codes',
  'passkey.add': 'Passkey added',
  'passkey.rename': 'Passkey renamed',
  'passkey.remove': 'Passkey removed',
  'passkey.refused': 'Passkey refused',
  'passkey.cloned': 'Passkey may have been copied',
  'recovery.ask': 'Link for a new password asked for',
  'recovery.use': 'Password set anew by a link',
  'recovery.refuse': 'Link for a new password refused',
  'email.ask': 'Link to confirm an address asked for',
  'email.confirm': 'Address confirmed',
  'email.change': 'Address changed',
  'email.refuse': 'Link to confirm an address refused',
  'sign_in.link': 'Sign-in at another service linked',
  'sign_in.unlink': 'Sign-in at another service unlinked',
  'sign_in.refuse': 'Sign-in service refused',
  'token.create': 'API token made',
  'token.revoke': 'API token ended',
  'user.change_password': 'Password changed',
  'user.breached_password': 'Password found in a breach',
  'user.create': 'User added',
  'user.invite': 'User invited',
  'user.accept_invitation': 'Invitation accepted',
  'user.list': 'People listed',
  'user.change_role': 'Role changed',
  'user.suspend': 'User suspended',
  'user.activate': 'User let in again',
  'user.sign_out': 'Signed out everywhere',
  'user.erase': 'User deleted',
  'link.create': 'Public link made',
  'link.revoke': 'Public link ended',
  'link.open': 'Public link opened',
  'portfolio.create': 'Portfolio made',
  'portfolio.change': 'Portfolio changed',
  'portfolio.baseline': 'Portfolio taken over',
  'account.create': 'Account made',
  'account.change': 'Account changed',
  'activity.add': 'Activities added',
  'activity.correct': 'Activity corrected',
  'activity.void': 'Activity voided',
  'activity.import': 'Activities imported',
  'proposal.accept': 'Proposals accepted',
  'proposal.ignore': 'Proposal ignored',
  'proposal.restore': 'Proposal restored',
  'instrument.create': 'Instrument added',
  'instrument.change': 'Instrument changed',
  'keys.create': 'Keys made',
  'keys.add': 'Root key added',
  'keys.rotate': 'Root key changed',
  'keys.retire': 'Old root keys retired',
  'keys.rewrap': 'Key-encryption key changed',
  'quarantine.accept': 'Held price accepted',
  'quarantine.refuse': 'Held price refused',
  'own_instrument.create': 'Own instrument added',
  'own_instrument.change': 'Own instrument changed',
  'own_instrument.delete': 'Own instrument removed',
  'own_price.change': 'Own prices changed',
  'calendar.change': 'Market day changed',
  'source.test': 'Source tested',
  'status.quiet': 'Trouble silenced',
  'access.refuse': 'Refused',
  'access.refusals': 'Many refusals',
  'audit.read': 'Audit log read',
  'audit.export': 'Audit log exported',
  'grant.offer': 'Access offered',
  'grant.accept': 'Access accepted',
  'grant.change': 'Access changed',
  'grant.take_back': 'Access taken back',
  'grant.give_back': 'Access given back',
  'household.found': 'Household founded',
  'household.invite': 'Invited to the household',
  'household.join': 'Joined the household',
  'household.leave': 'Left the household',
  'household.remove': 'Removed from the household',
  'household.dissolve': 'Household dissolved',
  'household.share': 'Shared with the household',
  'household.unshare': 'No longer shared with the household',
  'portfolio.viewed': 'Portfolio looked at',
  'channel.create': 'Channel added',
  'channel.confirm': 'Channel confirmed',
  'channel.change': 'Channel changed',
  'channel.delete': 'Channel removed',
  'channel.test': 'Channel tested',
  'notices.set': 'Notification settings changed',
  'notices.read': 'Inbox marked as read',
  'alert.create': 'Alert made',
  'alert.change': 'Alert changed',
  'alert.delete': 'Alert deleted',
  'audit.accept': 'Older database accepted',
};

/** An action in words; one that this page doesn't know yet as the server calls it. */
export function actionName(action: string): string {
  return words[action] ?? action;
}

const results: Record<string, string> = {
  ok: 'Done',
  denied: 'Not allowed',
  not_found: 'Not theirs, or not there',
  unauthenticated: 'Not signed in',
  limited: 'Too many',
  invalid: 'Not accepted',
};

/** How it went, in words. */
export function resultName(result: string): string {
  return results[result] ?? result;
}

/** Who it was where no user did it. */
export function nobody(action: string): string {
  return action === 'session.refused' || action.startsWith('access.') ? 'Nobody signed in' : 'This server';
}

/** A day of a search as an instant: its beginning by this browser's clock. */
export function startOf(day: string): string | undefined {
  const at = new Date(`${day}T00:00:00`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** The end of a day as an instant: where the next one begins. */
export function endOf(day: string): string | undefined {
  const at = new Date(`${day}T00:00:00`);
  if (Number.isNaN(at.getTime())) return undefined;
  at.setDate(at.getDate() + 1);
  return at.toISOString();
}

/** Where something was asked from. */
export function placeName(address: string): string {
  return address === '::1' || address.startsWith('127.') ? 'this server' : address;
}
