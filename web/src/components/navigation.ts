/** Entries of the main navigation: only what exists, and people's administration only for admins. */
import type { Section } from '../router/routes';
import type { IconName } from './Icon.svelte';

export interface Entry {
  section: Section;
  href: string;
  label: string;
  icon: IconName;
}

const everybody: Entry[] = [
  { section: 'overview', href: '/', label: 'Overview', icon: 'home' },
  { section: 'holdings', href: '/holdings', label: 'Holdings', icon: 'list' },
  { section: 'performance', href: '/performance', label: 'Performance', icon: 'line' },
  { section: 'income', href: '/income', label: 'Income', icon: 'coins' },
  { section: 'activities', href: '/activities', label: 'Activities', icon: 'journal' },
  { section: 'import', href: '/import', label: 'Import', icon: 'import' },
];

export function entries(isAdmin: boolean): Entry[] {
  if (!isAdmin) return everybody;
  return [...everybody, { section: 'admin', href: '/admin', label: 'People', icon: 'people' }];
}
