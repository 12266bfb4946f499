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
    expect(next.holdings[0]).toBe(shown.holdings[0]);
    expect(shown.value).toBe('250');
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
