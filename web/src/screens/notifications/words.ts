/** Channels in words, and what an address of each looks like. */
import type { Channel, ChannelKind } from '../../api';

export const kindNames: Record<ChannelKind, string> = {
  email: 'E-mail',
  push: 'This browser',
  webhook: 'Webhook',
  telegram: 'Telegram',
  slack: 'Slack',
  discord: 'Discord',
  ntfy: 'ntfy',
  gotify: 'Gotify',
  matrix: 'Matrix',
  pushover: 'Pushover',
};

/** Those that are added with an address, and its form. */
export const addressForms: Partial<Record<ChannelKind, string>> = {
  webhook: 'https://example.org/hook',
  telegram: 'telegram://TOKEN@telegram?chats=CHAT',
  slack: 'https://hooks.slack.com/services/…',
  discord: 'https://discord.com/api/webhooks/…',
  ntfy: 'ntfy://ntfy.sh/TOPIC',
  gotify: 'gotify://gotify.example.org/TOKEN',
  matrix: 'matrix://:TOKEN@matrix.example.org/?rooms=!ROOM:example.org',
  pushover: 'pushover://shoutrrr:TOKEN@USER/',
};

/** What a channel is called: as its owner called it, else by its kind. */
export function channelName(channel: Channel): string {
  if (channel.name) return channel.name;
  return channel.kind === 'push' ? 'A browser' : kindNames[channel.kind];
}

/** How a channel stands; empty where there is nothing to say. */
export function stateWords(channel: Channel): string {
  if (channel.state === 'off') return 'Off';
  if (channel.state === 'unconfirmed') return 'Waits for the link';
  if (channel.state === 'gone') return 'No longer there';
  return channel.failing_since ? 'Failing' : '';
}
