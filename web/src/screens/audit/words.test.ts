import { expect, test } from 'vitest';
import { actionName, endOf, resultName, startOf } from './words';

test('actions and results have words, unknown ones their own name', () => {
  expect(actionName('session.create')).toBe('Signed in');
  expect(actionName('later.thing')).toBe('later.thing');
  expect(resultName('denied')).toBe('Not allowed');
  expect(resultName('later')).toBe('later');
});

test('a day is from its beginning to that of the next one', () => {
  const from = new Date(startOf('2026-02-28') ?? '');
  const until = new Date(endOf('2026-02-28') ?? '');
  expect([from.getDate(), from.getHours()]).toEqual([28, 0]);
  expect([until.getMonth(), until.getDate(), until.getHours()]).toEqual([2, 1, 0]);
  expect(startOf('')).toBeUndefined();
  expect(endOf('no day')).toBeUndefined();
});
