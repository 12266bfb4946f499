/** Entries of the main navigation: only what exists, and people's administration only for admins. */
import type { Section } from '../router/routes';
import type { Level } from '../session/levels';
import { scope } from '../session/scope.svelte';
import type { IconName } from './Icon.svelte';

export interface Entry {
  section: Section;
  href: string;
  label: string;
  icon: IconName;
  /** What one has to have of the portfolio looked at. */
  needs?: Level;
}

const everybody: Entry[] = [
  { section: 'overview', href: '/', label: 'Overview', icon: 'home' },
  { section: 'holdings', href: '/holdings', label: 'Holdings', icon: 'list', needs: 'view' },
  { section: 'performance', href: '/performance', label: 'Performance', icon: 'line', needs: 'view' },
  { section: 'income', href: '/income', label: 'Income', icon: 'coins', needs: 'view' },
  { section: 'activities', href: '/activities', label: 'Activities', icon: 'journal', needs: 'view' },
  { section: 'alerts', href: '/alerts', label: 'Alerts', icon: 'bell' },
  { section: 'import', href: '/import', label: 'Import', icon: 'import', needs: 'edit' },
];

/** What changes something, or shows amounts, isn't offered where the portfolio looked at was not given that far. */
export function offered({ needs }: { needs?: Level }): boolean {
  return needs === undefined || scope.current === null || scope.may(needs);
}

export function entries(isAdmin: boolean): Entry[] {
  const open = everybody.filter(offered);
  if (!isAdmin) return open;
  return [...open, { section: 'admin', href: '/admin', label: 'People', icon: 'people' }];
}
