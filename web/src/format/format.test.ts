import { afterEach, describe, expect, it } from 'vitest';
import {
  age,
  currencyDigits,
  day,
  daysBefore,
  money,
  moneyParts,
  monthsBefore,
  number,
  percent,
  price,
  readDecimal,
  setLocale,
  share,
  shortDay,
  writeDecimal,
} from './index';

const nbsp = '\u00a0';

afterEach(() => setLocale(null));

describe('number', () => {
  it('groups exact digits and uses a true minus', () => {
    expect(number('-12345678901234567890.123456789')).toBe('\u221212,345,678,901,234,567,890.123456789');
    expect(number('1234.5', { digits: 2 })).toBe('1,234.50');
    expect(number('1234.50000', { digitsMax: 4 })).toBe('1,234.5');
    expect(number(null)).toBe('\u2014');
  });

  it('writes no sign for what rounds to zero', () => {
    expect(number('-0.004', { digits: 2 })).toBe('0.00');
    expect(number('0.004', { digits: 2, signs: 'always' })).toBe('0.00');
    expect(number('0.26', { digits: 1, signs: 'always' })).toBe('+0.3');
  });

  it('follows the locale', () => {
    setLocale('de-DE');
    expect(number('1234567.5', { digits: 2 })).toBe('1.234.567,50');
    setLocale('en-IN');
    expect(number('12345678.5', { digits: 2 })).toBe('1,23,45,678.50');
    setLocale('fr-FR');
    expect(number('1234.5', { digits: 1 }).replace(/\s/g, ' ')).toBe('1 234,5');
  });
});

describe('percent', () => {
  it('takes percent points, with a no-break space', () => {
    expect(percent('0.26')).toBe(`0.26${nbsp}%`);
    expect(percent('-1.425', { signs: 'always' })).toBe(`\u22121.42${nbsp}%`);
    expect(percent(null)).toBe('\u2014');
  });

  it('takes shares as fractions', () => {
    expect(share('0.236')).toBe(`23.6${nbsp}%`);
    expect(share('1')).toBe(`100.0${nbsp}%`);
  });
});

describe('money', () => {
  it('shows the precision of the currency', () => {
    expect(money('265563.54', 'EUR')).toBe('€265,563.54');
    expect(money('1234.5', 'JPY')).toBe('¥1,234');
    expect(money('1.5', 'KWD')).toBe(`KWD${nbsp}1.500`);
    expect(currencyDigits('JPY')).toBe(0);
    expect(currencyDigits('EUR')).toBe(2);
  });

  it('puts the sign before the symbol', () => {
    expect(money('-0.3', 'USD')).toBe('\u2212$0.30');
    expect(money('681.6', 'EUR', { signs: 'always' })).toBe('+€681.60');
    expect(money('-0.001', 'EUR', { signs: 'always' })).toBe('€0.00');
  });

  it('never mixes up dollars', () => {
    expect(money('5', 'CAD')).toBe('CA$5.00');
    expect(money('5', 'AUD')).toBe('A$5.00');
  });

  it('puts the symbol where the locale has it', () => {
    setLocale('de-DE');
    expect(money('-1234.5', 'EUR')).toBe(`\u22121.234,50${nbsp}€`);
    expect(moneyParts('1234.5', 'EUR')).toEqual({
      sign: '',
      before: '',
      whole: '1.234',
      fraction: ',50',
      after: `${nbsp}€`,
    });
  });

  it('knows pence, cents and agorot, and codes that are none', () => {
    expect(money('5236', 'GBX')).toBe('5,236p');
    expect(price('5236.5', 'GBp')).toBe('5,236p');
    expect(money('1.5', 'POINTS')).toBe(`1.50${nbsp}POINTS`);
  });

  it('shows prices as they are quoted', () => {
    expect(price('214.38', 'USD')).toBe('$214.38');
    expect(price('4.987', 'EUR')).toBe('€4.987');
    expect(price('4.9', 'EUR')).toBe('€4.90');
    expect(price('0.00001234', 'USD')).toBe('$0.00001234');
    expect(price('214.3812', 'USD')).toBe('$214.38');
    expect(price(null, 'USD')).toBe('\u2014');
  });
});

describe('dates', () => {
  it('writes days without a zone', () => {
    expect(day('2026-11-19')).toBe('19 Nov 2026');
    expect(shortDay('2026-01-01')).toBe('1 Jan');
    setLocale('de-DE');
    expect(day('2026-11-19')).toBe('19 Nov 2026');
    setLocale('en-US');
    expect(day('2026-11-19')).toBe('Nov 19, 2026');
  });

  it('says ages in the largest unit that still says something', () => {
    const now = new Date('2026-11-19T18:00:00Z');
    expect(age('2026-11-19T17:59:20Z', now)).toBe(`40${nbsp}s`);
    expect(age('2026-11-19T17:48:00Z', now)).toBe(`12${nbsp}min`);
    expect(age('2026-11-18T16:00:00Z', now)).toBe(`26${nbsp}h`);
    expect(age('2026-11-16T16:00:00Z', now)).toBe(`3${nbsp}days`);
    expect(age('2026-11-19T18:00:05Z', now)).toBe(`0${nbsp}s`);
  });

  it('counts back whole months and stays within them', () => {
    expect(monthsBefore('2026-03-31', 1)).toBe('2026-02-28');
    expect(monthsBefore('2024-02-29', 12)).toBe('2023-02-28');
    expect(monthsBefore('2026-01-15', 3)).toBe('2025-10-15');
    expect(daysBefore('2026-03-01', 1)).toBe('2026-02-28');
  });
});

describe('readDecimal', () => {
  it.each([
    ['1234.5', '1234.5'],
    [' 1,234.50 ', '1234.50'],
    ['1,234,567', '1234567'],
    ['\u22124.9', '-4.9'],
    ['+3', '3'],
    ['.5', '0.5'],
    ['12.', '12'],
    ['1O', null],
    ['1,23', null],
    ['', null],
  ])('reads %j in English as %j', (typed, value) => {
    setLocale('en-GB');
    expect(readDecimal(typed)).toBe(value);
  });

  it.each([
    ['1.234,50', '1234.50'],
    ['1234,5', '1234.5'],
    ['0,5', '0.5'],
    ['1.234', '1234'],
    ['12.5', '12.5'],
    ['1,2,3', null],
  ])('reads %j in German as %j', (typed, value) => {
    setLocale('de-DE');
    expect(readDecimal(typed)).toBe(value);
  });

  it('reads back what it wrote', () => {
    setLocale('de-DE');
    expect(writeDecimal('1234.567')).toBe('1234,567');
    expect(readDecimal(writeDecimal('1234.567'))).toBe('1234.567');
  });
});
