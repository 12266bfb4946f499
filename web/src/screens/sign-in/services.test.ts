import { describe, expect, it } from 'vitest';
import { troubleText } from './services';

const services = [{ name: 'acme', label: 'Acme' }];

describe('troubleText', () => {
  it.each([
    'unavailable',
    'declined',
    'over',
    'untrusted',
    'unknown',
    'unverified',
    'taken',
    'linked',
    'other',
    'barred',
  ])('%s has a sentence of its own, with the label', (kind) => {
    const text = troubleText(kind, 'acme', services);
    expect(text).toContain('Acme');
    expect(text).not.toContain('came to nothing');
  });

  it('says something of a kind that this page does not know yet', () => {
    expect(troubleText('later', 'acme', services)).toContain('Acme');
  });

  it('shows nothing of what a link makes up', () => {
    expect(troubleText('over', 'Call 0900 12345', services)).toBe('');
    expect(troubleText(null, 'acme', services)).toBe('');
    expect(troubleText('toString', 'acme', services)).toContain('Acme');
  });
});
