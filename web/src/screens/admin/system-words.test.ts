import { describe, expect, it } from 'vitest';
import type { JobCount, SystemBook, SystemCheck, SystemNode, SystemStatus } from '../../api';
import {
  bookWords,
  checkName,
  clockWords,
  headline,
  jobWords,
  lateWords,
  missingWords,
  partsWords,
  revaluationWords,
} from './system-words';

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
  books: [],
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

  it('counts what a node keeps, and says what lacks a price', () => {
    const book = (more: Partial<SystemBook>): SystemBook => ({
      node: 'node-a',
      loaded: true,
      portfolios: 1204,
      positions: 24_080,
      instruments: 1,
      unpriced: 0,
      stale: 0,
      full_seconds: null,
      full_positions: null,
      sparse_seconds: null,
      sparse_positions: null,
      ...more,
    });
    expect(bookWords(book({}))).toBe('1,204 portfolios, 24,080 positions, 1 instrument');
    expect(bookWords(book({ loaded: false }))).toBe('being read');
    expect(missingWords(book({ loaded: false }))).toBe('');
    expect(missingWords(book({}))).toBe('all prices are there');
    expect(missingWords(book({ unpriced: 2, stale: 1500 }))).toBe('2 lack a price, 1,500 have a stale price');
    expect(revaluationWords(book({}))).toBe('');
    expect(revaluationWords(book({ full_seconds: 0.0312, sparse_seconds: 0.0004 }))).toBe(
      'all valued in 31.2 ms, what changed in 0.4 ms',
    );
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
