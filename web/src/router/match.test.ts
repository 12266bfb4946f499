import { describe, expect, it } from 'vitest';
import { isLocalPath, matchPath, withParameter } from './match';

describe('matchPath', () => {
  it.each([
    ['/', '/', {}],
    ['/holdings', '/holdings/', {}],
    ['/holdings/:instrument', '/holdings/ab%2Fc', { instrument: 'ab/c' }],
    ['/invite/:token', '/invite/x-Y_9', { token: 'x-Y_9' }],
  ])('%s fits %s', (pattern, path, parameters) => {
    expect(matchPath(pattern, path)).toEqual(parameters);
  });

  it.each([
    ['/', '/holdings'],
    ['/holdings', '/Holdings'],
    ['/holdings/:instrument', '/holdings'],
    ['/holdings/:instrument', '/holdings/'],
    ['/holdings/:instrument', '/holdings/a/b'],
    ['/invite/:token', '/invite/%E0%A4%A'],
  ])('%s does not fit %s', (pattern, path) => {
    expect(matchPath(pattern, path)).toBeNull();
  });
});

describe('withParameter', () => {
  it('sets, replaces and removes', () => {
    expect(withParameter('', 'range', '3y')).toBe('?range=3y');
    expect(withParameter('?range=1y&by=sector', 'range', 'max')).toBe('?range=max&by=sector');
    expect(withParameter('?range=1y', 'range', null)).toBe('');
  });
});

describe('isLocalPath', () => {
  it.each(['/', '/holdings?by=value', '/%2f%2fevil.example'])('%s stays here', (address) => {
    expect(isLocalPath(address)).toBe(true);
  });

  it.each([
    '',
    'holdings',
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
  ])('%s does not', (address) => {
    expect(isLocalPath(address)).toBe(false);
  });
});
