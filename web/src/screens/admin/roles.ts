/** What people can be here, in the words of this page. */
import type { Role } from '../../api';

export const roles: { value: Role; label: string; does: string }[] = [
  { value: 'user', label: 'User', does: 'Keeps portfolios of their own' },
  { value: 'adviser', label: 'Adviser', does: 'Sees portfolios that are shared with them' },
  { value: 'auditor', label: 'Auditor', does: 'Reads the journal of what was done' },
  { value: 'admin', label: 'Admin', does: 'Invites people and runs this server' },
];

export const roleName = (role: string): string => roles.find(({ value }) => value === role)?.label ?? role;
