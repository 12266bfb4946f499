import { describe, expect, it } from 'vitest';
import type { JobCount, SystemCheck, SystemNode, SystemStatus } from '../../api';
import { checkName, clockWords, headline, jobWords, lateWords, partsWords } from './system-words';

const check = (state: SystemCheck['state'], node: string | null = null): SystemCheck => ({
  name: 'disk',
  node,
  state,
  says: 'It is full.',
  fix: null,
  since: null,
  told: false,
  quiet_until: null,
});
const status = (state: SystemStatus['state'], ...checks: SystemCheck[]): SystemStatus => ({
  state,
  checks,
  nodes: [],
  jobs: [],
});

describe('the state in words', () => {
  it('says the worst first, and how much of it there is', () => {
    expect(headline(status('ok'))).toBe('Nothing has been looked at yet.');
    expect(headline(status('ok', check('ok'), check('unknown')))).toBe('Everything is as it should be.');
    expect(headline(status('warning', check('warning')))).toBe('1 thing wants a look soon.');
    expect(headline(status('failing', check('warning'), check('failing'), check('failing')))).toBe(
      '2 things are failing.',
    );
  });

  it('names a check by its node', () => {
    expect(checkName(check('ok'))).toBe('Disk');
    expect(checkName(check('ok', 'node-a'))).toBe('Disk on node-a');
  });

  it('says of a node what it holds, and of its clock where it is wrong', () => {
    const node = (more: Partial<SystemNode>): SystemNode => ({
      name: 'node-a',
      at: null,
      version: 'v1',
      roles: ['engine'],
      there: true,
      started_at: null,
      clock_ahead_seconds: 0,
      partitions: 0,
      ...more,
    });
    expect(partsWords(node({ partitions: 21 }))).toBe('21 of 64 parts of the alert rules');
    expect(partsWords(node({}))).toBe('no alert rules');
    expect(partsWords(node({ partitions: null }))).toBe('');
    expect(clockWords(node({ clock_ahead_seconds: 2 }))).toBe('');
    expect(clockWords(node({ clock_ahead_seconds: null }))).toBe('');
    expect(clockWords(node({ clock_ahead_seconds: -3.04 }))).toBe('its clock is 3.0 s behind');
    expect(clockWords(node({ clock_ahead_seconds: 300 }))).toBe('its clock is 300.0 s ahead');
  });

  it('leaves out of the work what there is none of', () => {
    const job = (more: Partial<JobCount>): JobCount => ({
      kind: 'mail.send',
      waiting: 0,
      running: 0,
      dead: 0,
      late_seconds: 0,
      ...more,
    });
    expect(jobWords(job({ waiting: 2, dead: 1 }))).toBe('2 waiting, 1 given up today');
    expect(lateWords(job({ late_seconds: 59 }))).toBe('');
    expect(lateWords(job({ late_seconds: 125 }))).toBe('the oldest is 2 min late');
  });
});
