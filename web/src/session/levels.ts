/** How far what one has of a portfolio goes. */
import type { PortfolioItem } from '../api';

export type Level = PortfolioItem['role'];

/** Each holds what the ones before it hold. */
const levels: Level[] = ['percentages', 'view', 'edit', 'manage', 'owner'];

/** Whether the role that somebody has of a portfolio goes as far as a level. */
export function reaches(role: Level | undefined, level: Level): boolean {
  return role !== undefined && levels.indexOf(role) >= levels.indexOf(level);
}

export const levelNames: Record<Level, string> = {
  percentages: 'Percentages only',
  view: 'Can look',
  edit: 'Can edit',
  manage: 'Can manage',
  owner: 'Yours',
};
