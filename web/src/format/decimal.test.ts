import { describe, expect, it } from 'vitest';
import * as decimal from './decimal';

describe('decimal', () => {
  it('adds what a float can not', () => {
    expect(decimal.add('0.1', '0.2')).toBe('0.3');
    expect(decimal.sum(['12345678901234567890.12', '0.01', '-12345678901234567890.13'])).toBe('0.00');
    expect(decimal.sum([])).toBe('0');
  });

  it('subtracts, multiplies and shifts exactly', () => {
    expect(decimal.subtract('1', '1.0001')).toBe('-0.0001');
    expect(decimal.multiply('-1.5', '0.02')).toBe('-0.030');
    expect(decimal.shift('0.236', 2)).toBe('23.6');
    expect(decimal.shift('5', 3)).toBe('5000');
    expect(decimal.shift('5', -3)).toBe('0.005');
  });

  it.each([
    ['0.125', 2, '0.12'],
    ['0.135', 2, '0.14'],
    ['-0.125', 2, '-0.12'],
    ['-0.135', 2, '-0.14'],
    ['0.1250001', 2, '0.13'],
    ['-0.004', 2, '0.00'],
    ['999.995', 2, '1000.00'],
    ['7', 2, '7.00'],
    ['1234.5', 0, '1234'],
    ['1235.5', 0, '1236'],
  ])('rounds %s to %i decimals half to even: %s', (value, digits, rounded) => {
    expect(decimal.round(value, digits)).toBe(rounded);
  });

  it('compares across scales', () => {
    expect(decimal.compare('1.10', '1.1')).toBe(0);
    expect(decimal.compare('-2', '1')).toBeLessThan(0);
    expect(decimal.compare('10', '9.999')).toBeGreaterThan(0);
  });

  it('trims zeros down to the least wanted', () => {
    expect(decimal.trim('1.5000')).toBe('1.5');
    expect(decimal.trim('1.5000', 2)).toBe('1.50');
    expect(decimal.trim('100')).toBe('100');
    expect(decimal.trim('3', 2)).toBe('3.00');
  });

  it('knows sign and size', () => {
    expect(decimal.sign('-0.00')).toBe(0);
    expect(decimal.sign('-0.01')).toBe(-1);
    expect(decimal.absolute('-0.01')).toBe('0.01');
    expect(decimal.negate('0')).toBe('0');
  });

  it.each(['', '1e5', '1,5', '+1', ' 1', '.5', '1.', 'NaN'])('refuses %j', (text) => {
    expect(decimal.isDecimal(text)).toBe(false);
    expect(() => decimal.add(text, '0')).toThrow(RangeError);
  });
});

describe('roundToSum', () => {
  it('makes the shown rows add up to the shown sum', () => {
    const rows = decimal.roundToSum(['0.333', '0.333', '0.334'], 2);
    expect(rows).toEqual(['0.33', '0.33', '0.34']);
    expect(decimal.sum(rows)).toBe('1.00');
  });

  it('keeps rows that are exact already', () => {
    expect(decimal.roundToSum(['400.03', '-294.80', '1.00'], 2)).toEqual(['400.03', '-294.80', '1.00']);
  });

  it('adds up for many rows of both signs, each within one unit of its value', () => {
    let seed = 42;
    const next = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648);
    for (let round = 0; round < 200; round++) {
      const rows = Array.from({ length: 1 + (next() % 12) }, () =>
        decimal.shift(String((next() % 2_000_000) - 1_000_000), -5),
      );
      const shown = decimal.roundToSum(rows, 2);
      expect(decimal.compare(decimal.sum(shown), decimal.round(decimal.sum(rows), 2))).toBe(0);
      shown.forEach((value, index) => {
        const off = decimal.absolute(decimal.subtract(value, rows[index]!));
        expect(decimal.compare(off, '0.01')).toBeLessThanOrEqual(0);
      });
    }
  });
});
