import { describe, expect, it } from 'vitest';
import { delta, holding, portfolio } from '../test/samples';
import { applyDelta, newer, retryDelay } from './merge';

describe('newer', () => {
  it('prefers the higher sequence, then the later time, then what came last', () => {
    const shown = portfolio();
    const later = portfolio({ as_of: '2026-11-19T17:00:01Z' });
    const older = portfolio({ as_of: '2026-11-19T16:59:59Z' });
    const booked = portfolio({ sequence: 8, as_of: '2026-11-19T16:00:00Z' });
    const same = portfolio();
    expect(newer(null, shown)).toBe(shown);
    expect(newer(shown, later)).toBe(later);
    expect(newer(shown, older)).toBe(shown);
    expect(newer(shown, booked)).toBe(booked);
    expect(newer(booked, later)).toBe(booked);
    expect(newer(shown, same)).toBe(same);
  });

  it('always takes another portfolio', () => {
    const other = portfolio({ id: 'p2', sequence: 1, as_of: '2020-01-01T00:00:00Z' });
    expect(newer(portfolio(), other)).toBe(other);
  });
});

describe('applyDelta', () => {
  it('puts in totals and changed holdings, keeping places', () => {
    const shown = portfolio({ name: 'Family' });
    const next = applyDelta(shown, delta({ holdings: [holding('b', { value_base: '126' })] }));
    expect(next.value).toBe('251');
    expect(next.name).toBe('Family');
    expect(next.holdings.map((entry) => [entry.instrument_id, entry.value_base])).toEqual([
      ['a', '125'],
      ['b', '126'],
    ]);
    expect(shown.value).toBe('250');
    expect(shown.holdings[1]?.value_base).toBe('125');
  });

  it('works out weights as the server rounds them, since any price changes all', () => {
    const shown = portfolio();
    const next = applyDelta(shown, delta({ holdings: [holding('b', { value_base: '126' })] }));
    expect(next.holdings.map((entry) => entry.weight)).toEqual(['0.49800797', '0.50199203']);
    const same = applyDelta(shown, delta({ value: '250' }));
    expect(same.holdings[0]).toBe(shown.holdings[0]);
    for (const [part, value, weight] of [
      ['0.000000005', '1', '0'], // half to even
      ['0.000000015', '1', '0.00000002'],
      ['-0.000000015', '1', '-0.00000002'],
      ['2', '3', '0.66666667'],
      ['-50', '200.00', '-0.25'],
      ['0', '200', '0'],
      ['5', '0', null],
      ['5', '-1', null],
      ['5', null, null],
      [null, '5', null],
    ] as const) {
      const of = applyDelta(shown, delta({ value, holdings: [holding('a', { value_base: part })] }));
      expect(of.holdings[0]?.weight).toBe(weight);
    }
  });

  it('puts changed contributions in place of the old, drops those of 0, biggest first', () => {
    const price = (instrument_id: string, amount: string) => ({
      kind: 'price' as const,
      instrument_id,
      label: instrument_id,
      amount,
      percent: null,
    });
    const rate = (currency: string, amount: string) => ({
      kind: 'currency' as const,
      currency,
      label: currency,
      amount,
      percent: null,
    });
    const shown = portfolio({ contributions: [price('a', '5'), rate('USD', '-3'), price('b', '1')] });
    const changes = [price('b', '-9.5'), rate('USD', '0'), rate('CHF', '5'), price('c', '5.0')];
    const next = applyDelta(shown, delta({ contributions: changes }));
    expect(next.contributions.map((entry) => [entry.label, entry.amount])).toEqual([
      ['b', '-9.5'],
      ['CHF', '5'],
      ['a', '5'],
      ['c', '5.0'],
    ]);
    expect(applyDelta(shown, delta()).contributions).toBe(shown.contributions);
    expect(applyDelta(shown, delta({ day_change: null })).contributions).toEqual([]);
  });

  it('keeps markets and rates a delta does not name', () => {
    const markets = [{ mic: 'XETR', name: 'Xetra', state: 'open' as const, until: null }];
    const shown = portfolio({ markets });
    expect(applyDelta(shown, delta()).markets).toBe(markets);
    expect(applyDelta(shown, delta({ markets: [] })).markets).toEqual([]);
  });

  it('adds an unknown holding at the end', () => {
    const next = applyDelta(portfolio(), delta({ holdings: [holding('c')] }));
    expect(next.holdings.map((entry) => entry.instrument_id)).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['of another portfolio', { id: 'p2' }],
    ['of an older sequence', { sequence: 6 }],
    ['that is older', { as_of: '2026-11-19T16:59:59Z' }],
  ])('ignores a delta %s', (_, changes) => {
    const shown = portfolio();
    expect(applyDelta(shown, delta(changes))).toBe(shown);
  });

  it('compares instants, not their texts', () => {
    const shown = portfolio({ as_of: '2026-11-19T17:00:00Z' });
    expect(applyDelta(shown, delta({ as_of: '2026-11-19T17:00:00.5Z' })).value).toBe('251');
  });

  it('takes unknown totals as unknown', () => {
    expect(applyDelta(portfolio(), delta({ value: null, day_change: null })).value).toBeNull();
  });
});

describe('retryDelay', () => {
  it('doubles from a second up to half a minute, spread by half', () => {
    expect(retryDelay(0, () => 0)).toBe(500);
    expect(retryDelay(0, () => 1)).toBe(1000);
    expect(retryDelay(3, () => 1)).toBe(8000);
    expect(retryDelay(50, () => 1)).toBe(30_000);
    expect(retryDelay(50, () => 0)).toBe(15_000);
  });
});
