/** Words of the ribbon: markets put together by state, and how the browser is connected. */
import type { Market, StreamStatus } from '../api';
import { noBreakSpace, time } from '../format';
import type { Connection } from '../live/connection';
import type { IconName } from './Icon.svelte';

export interface Line {
  icon: IconName;
  words: string;
  kind: 'live' | 'quiet' | 'warn' | 'bad';
}

const namesMax = 3;

/** "New York open to 22:00", "Xetra, Amsterdam closed": one entry per closing time, one for all that is closed. */
export function marketLines(markets: Market[]): Line[] {
  const lines: Line[] = [];
  const byClose = new Map<string, string[]>();
  const closed: string[] = [];
  for (const market of markets) {
    if (market.state === 'closed') closed.push(market.name);
    else {
      const until = market.until ? time(market.until) : '';
      byClose.set(until, [...(byClose.get(until) ?? []), market.name]);
    }
  }
  for (const [until, names] of byClose) {
    lines.push({ icon: 'live', words: `${list(names)} open${until ? ` to ${until}` : ''}`, kind: 'live' });
  }
  if (closed.length > 0) lines.push({ icon: 'closed', words: `${list(closed)} closed`, kind: 'quiet' });
  return lines;
}

function list(names: string[]): string {
  if (names.length <= namesMax) return names.join(', ');
  return `${names.slice(0, namesMax - 1).join(', ')} and ${names.length - namesMax + 1} more`;
}

/** How the browser stands to the server; `now` is in milliseconds, `slower` where the server has to look for what changed. */
export function connectionLine(
  connection: Connection,
  asOf: string | null,
  now: number,
  slower: boolean,
): Line | null {
  switch (connection.kind) {
    case 'idle':
      return null;
    case 'connecting':
      return { icon: 'delayed', words: 'Connecting', kind: 'quiet' };
    case 'connected':
      if (slower) return { icon: 'delayed', words: 'Live updates slower', kind: 'warn' };
      return { icon: 'live', words: 'Connected', kind: 'live' };
    case 'waiting': {
      const seconds = Math.max(1, Math.ceil((connection.until - now) / 1000));
      return { icon: 'undo', words: `Back in ${seconds}${noBreakSpace}s`, kind: 'warn' };
    }
    case 'offline':
      return {
        icon: 'cross',
        words: asOf ? `Offline, as of ${time(asOf)}` : 'Offline',
        kind: 'bad',
      };
  }
}

/** The server's word on its sources, where it is worse than ordinary. */
export function statusLine(status: StreamStatus | null): Line | null {
  if (!status || status.connection !== 'stale') return null;
  return { icon: 'stale', words: status.detail || 'Sources do not answer', kind: 'warn' };
}
