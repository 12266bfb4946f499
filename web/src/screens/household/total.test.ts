import { expect, test } from 'vitest';
import { totalOf } from './total';

const euros = (value: string | null) => ({ value, currency: 'EUR' });

test('values of one currency are added exactly', () => {
  expect(totalOf([euros('0.1'), euros('0.2')])).toEqual({ value: '0.3', currency: 'EUR' });
});

test.each([
  [[], 'not every value'],
  [[euros('1'), euros(null)], 'not every value'],
  [[euros('1'), { value: null, currency: null }], 'not every value'],
  [[euros('1'), { value: '2', currency: 'USD' }], 'several currencies'],
])('anything else has no sum: %j', (all, why) => {
  expect(totalOf(all)).toEqual({ why: expect.stringContaining(why) as string });
});
