/** An entry of the log in plain words: what the rule did, and whether that arrived. */
import type { AlertLogEntry, ChannelKind } from '../../api';
import type { IconName } from '../../components/Icon.svelte';
import { time } from '../../format';
import { kindNames } from '../notifications/words';

interface Words {
  icon: IconName;
  words: string;
  tone: 'plain' | 'quiet' | 'warn' | 'bad';
}

const kinds: Record<AlertLogEntry['kind'], Words> = {
  fired: { icon: 'check', words: 'Fired', tone: 'plain' },
  held_back: { icon: 'delayed', words: 'Held back', tone: 'quiet' },
  resolved: { icon: 'live', words: 'Armed again', tone: 'quiet' },
  no_data: { icon: 'none', words: 'No data', tone: 'warn' },
  error: { icon: 'cross', words: 'Error in evaluation', tone: 'bad' },
  ended: { icon: 'check', words: 'Ended', tone: 'quiet' },
};

export function did(entry: AlertLogEntry): Words {
  return kinds[entry.kind];
}

/** What a channel is called, such as "E-mail". */
const by = (kind: string): string => kindNames[kind as ChannelKind] ?? kind;

/** The worst of its messages says how it went. */
export function arrived(entry: AlertLogEntry): Words {
  if (!entry.told) return { icon: 'none', words: 'Nothing to deliver', tone: 'quiet' };
  const failed = entry.deliveries.find(({ state }) => state === 'failed');
  if (failed) return { icon: 'cross', words: `${by(failed.kind)}: ${failed.says || 'failed'}`, tone: 'bad' };
  const waiting = entry.deliveries.find(({ state }) => state === 'waiting');
  if (waiting)
    return {
      icon: 'undo',
      words: `${by(waiting.kind)}: ${waiting.tries > 0 ? `try ${waiting.tries + 1}` : 'waits'}, ${time(waiting.due_at)}`,
      tone: waiting.tries > 0 ? 'warn' : 'quiet',
    };
  const sent = entry.deliveries.map(({ kind }) => by(kind)).join(', ');
  return { icon: 'check', words: sent ? `Sent by ${sent}` : 'In your inbox', tone: 'plain' };
}
