import { expect, test } from 'vitest';
import { reaches } from './levels';
import type { Level } from './levels';

const rising: Level[] = ['percentages', 'view', 'edit', 'manage', 'owner'];

test('each level holds what the ones before it hold, and none what comes after', () => {
  rising.forEach((role, has) =>
    rising.forEach((level, wanted) =>
      expect(reaches(role, level), `${role} reaches ${level}`).toBe(has >= wanted),
    ),
  );
  expect(reaches(undefined, 'percentages')).toBe(false);
});
