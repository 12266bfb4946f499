/** The state of the installation in the words of its page. */
import type { JobCount, SystemBook, SystemCheck, SystemNode, SystemStatus } from '../../api';
import type { DotTone } from '../../components/StateDot.svelte';

export const stateWords: Record<SystemCheck['state'], string> = {
  ok: 'As it should be',
  unknown: 'Not known',
  warning: 'Look at it soon',
  failing: 'Failing',
};

export const stateTones: Record<SystemCheck['state'], DotTone> = {
  ok: 'good',
  unknown: 'quiet',
  warning: 'warn',
  failing: 'bad',
};

/** A check by its name and the node that found it: "Disk on node-a". */
export function checkName(check: SystemCheck): string {
  const name = check.name.charAt(0).toUpperCase() + check.name.slice(1);
  return check.node ? `${name} on ${check.node}` : name;
}

export function headline(status: SystemStatus): string {
  const count = (state: SystemCheck['state']) =>
    status.checks.filter((check) => check.state === state).length;
  const things = (n: number, verb: string, verbs: string) =>
    n === 1 ? `1 thing ${verb}` : `${n} things ${verbs}`;
  if (status.checks.length === 0) return 'Nothing has been looked at yet.';
  if (status.state === 'failing') return `${things(count('failing'), 'is', 'are')} failing.`;
  if (status.state === 'warning') return `${things(count('warning'), 'wants', 'want')} a look soon.`;
  return 'Everything is as it should be.';
}

export function jobWords(job: JobCount): string {
  const parts = [
    job.waiting > 0 ? `${job.waiting} waiting` : '',
    job.running > 0 ? `${job.running} running` : '',
    job.dead > 0 ? `${job.dead} given up today` : '',
  ];
  return parts.filter(Boolean).join(', ');
}

/** How late the oldest is; nothing where all are on time. */
export function lateWords(job: JobCount): string {
  if (job.late_seconds < 60) return '';
  const minutes = Math.floor(job.late_seconds / 60);
  return `the oldest is ${minutes} min late`;
}

/** What a node does beside answering: the parts of the alert rules that it looks after. */
export function partsWords(node: SystemNode): string {
  if (node.partitions === null) return '';
  if (node.partitions === 0) return 'no alert rules';
  return `${node.partitions} of 64 parts of the alert rules`;
}

/** How far its clock is off, where that matters: beyond 2 seconds it leaves everything shared to other nodes. */
export function clockWords(node: SystemNode): string {
  const ahead = node.clock_ahead_seconds;
  if (ahead === null || Math.abs(ahead) <= 2) return '';
  return `its clock is ${Math.abs(ahead).toFixed(1)} s ${ahead > 0 ? 'ahead' : 'behind'}`;
}

const count = (n: number, one: string, more: string): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : more}`;

/** What a node keeps in memory: "1,204 portfolios, 24,080 positions, 512 instruments". */
export function bookWords(book: SystemBook): string {
  if (!book.loaded) return 'being read';
  return [
    count(book.portfolios, 'portfolio', 'portfolios'),
    count(book.positions, 'position', 'positions'),
    count(book.instruments, 'instrument', 'instruments'),
  ].join(', ');
}

/** How many portfolios lack a price, or a good one. */
export function missingWords(book: SystemBook): string {
  if (!book.loaded) return '';
  const parts = [
    book.unpriced > 0 ? `${book.unpriced.toLocaleString('en')} lack a price` : '',
    book.stale > 0 ? `${book.stale.toLocaleString('en')} have a stale price` : '',
  ].filter(Boolean);
  return parts.join(', ') || 'all prices are there';
}

/** How long it took when everything, and when only what changed was valued last. */
export function revaluationWords(book: SystemBook): string {
  const one = (what: string, seconds: number | null): string =>
    seconds === null ? '' : `${what} in ${(seconds * 1000).toFixed(1)} ms`;
  return [one('all valued', book.full_seconds), one('what changed', book.sparse_seconds)]
    .filter(Boolean)
    .join(', ');
}
