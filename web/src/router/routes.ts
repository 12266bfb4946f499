/** Every page of the dashboard. Each screen is its own chunk, loaded when first opened. */
import type { Component } from 'svelte';

/** Names of the main navigation; a route without one belongs to none of its entries. */
export type Section =
  | 'overview'
  | 'holdings'
  | 'performance'
  | 'income'
  | 'activities'
  | 'import'
  | 'alerts'
  | 'portfolios'
  | 'data'
  | 'admin'
  | 'sources'
  | 'state'
  | 'audit';

export interface Route {
  pattern: string;
  title: string;
  section?: Section;
  /** Open to people who are not signed in. */
  open?: boolean;
  // Screens take different parameters; the router passes on what the pattern names.
  load: () => Promise<{ default: Component<Record<string, string>> }>;
}

type Loaded = Promise<{ default: Component<Record<string, string>> }>;

export const routes: Route[] = [
  {
    pattern: '/',
    title: 'Overview',
    section: 'overview',
    load: () => import('../screens/overview/Overview.svelte') as Loaded,
  },
  {
    pattern: '/holdings',
    title: 'Holdings',
    section: 'holdings',
    load: () => import('../screens/holdings/Holdings.svelte') as Loaded,
  },
  {
    pattern: '/holdings/:instrument',
    title: 'Holding',
    section: 'holdings',
    load: () => import('../screens/holdings/HoldingDetail.svelte') as Loaded,
  },
  {
    pattern: '/performance',
    title: 'Performance',
    section: 'performance',
    load: () => import('../screens/performance/Performance.svelte') as Loaded,
  },
  {
    pattern: '/income',
    title: 'Income',
    section: 'income',
    load: () => import('../screens/income/Income.svelte') as Loaded,
  },
  {
    pattern: '/activities',
    title: 'Activities',
    section: 'activities',
    load: () => import('../screens/activities/Activities.svelte') as Loaded,
  },
  {
    pattern: '/proposals',
    title: 'Splits and dividends',
    section: 'activities',
    load: () => import('../screens/proposals/Proposals.svelte') as Loaded,
  },
  {
    pattern: '/import',
    title: 'Import',
    section: 'import',
    load: () => import('../screens/import/Import.svelte') as Loaded,
  },
  {
    pattern: '/alerts',
    title: 'Alerts',
    section: 'alerts',
    load: () => import('../screens/alerts/Alerts.svelte') as Loaded,
  },
  {
    pattern: '/portfolios',
    title: 'Portfolios and accounts',
    section: 'portfolios',
    load: () => import('../screens/portfolios/Portfolios.svelte') as Loaded,
  },
  {
    pattern: '/portfolios/:portfolio/lots',
    title: 'Lot methods',
    section: 'portfolios',
    load: () => import('../screens/lots/LotMethods.svelte') as Loaded,
  },
  {
    pattern: '/portfolios/:portfolio/sharing',
    title: 'Sharing',
    section: 'portfolios',
    load: () => import('../screens/sharing/Sharing.svelte') as Loaded,
  },
  {
    pattern: '/share/:token',
    title: 'Shared with you',
    section: 'portfolios',
    load: () => import('../screens/sharing/AcceptGrant.svelte') as Loaded,
  },
  {
    pattern: '/household',
    title: 'Household',
    section: 'portfolios',
    load: () => import('../screens/household/Household.svelte') as Loaded,
  },
  {
    pattern: '/household/:token',
    title: 'Household',
    section: 'portfolios',
    load: () => import('../screens/household/JoinHousehold.svelte') as Loaded,
  },
  {
    pattern: '/public/:token',
    title: 'Shared portfolio',
    open: true,
    load: () => import('../screens/sharing/PublicPage.svelte') as Loaded,
  },
  {
    pattern: '/data',
    title: 'Data',
    section: 'data',
    load: () => import('../screens/data/Data.svelte') as Loaded,
  },
  {
    pattern: '/admin/data',
    title: 'Data sources',
    section: 'sources',
    load: () => import('../screens/admin/DataSources.svelte') as Loaded,
  },
  {
    pattern: '/admin/status',
    title: 'State',
    section: 'state',
    load: () => import('../screens/admin/SystemState.svelte') as Loaded,
  },
  {
    pattern: '/admin/audit',
    title: 'Audit log',
    section: 'audit',
    load: () => import('../screens/audit/AuditLog.svelte') as Loaded,
  },
  {
    pattern: '/my-log',
    title: 'Who looked at my data',
    load: () => import('../screens/audit/OwnLog.svelte') as Loaded,
  },
  {
    pattern: '/admin',
    title: 'People',
    section: 'admin',
    load: () => import('../screens/admin/People.svelte') as Loaded,
  },
  {
    pattern: '/account',
    title: 'Account and security',
    load: () => import('../screens/account/Account.svelte') as Loaded,
  },
  {
    pattern: '/invite/:token',
    title: 'Invitation',
    open: true,
    load: () => import('../screens/sign-in/AcceptInvitation.svelte') as Loaded,
  },
  {
    pattern: '/recover',
    title: 'Forgotten password',
    open: true,
    load: () => import('../screens/sign-in/ForgotPassword.svelte') as Loaded,
  },
  {
    pattern: '/recover/:token',
    title: 'New password',
    open: true,
    load: () => import('../screens/sign-in/NewPassword.svelte') as Loaded,
  },
  {
    pattern: '/alerts/channels',
    title: 'How you are told',
    load: () => import('../screens/notifications/Channels.svelte') as Loaded,
  },
  {
    pattern: '/alerts/:alert',
    title: 'Alert',
    section: 'alerts',
    load: () => import('../screens/alerts/Alerts.svelte') as Loaded,
  },
  {
    pattern: '/channels/confirm/:token',
    title: 'Confirm notifications',
    open: true,
    load: () => import('../screens/notifications/ConfirmChannel.svelte') as Loaded,
  },
  {
    pattern: '/confirm-email/:token',
    title: 'Confirm your address',
    open: true,
    load: () => import('../screens/sign-in/ConfirmEmail.svelte') as Loaded,
  },
  {
    pattern: '/sign-in',
    title: 'Sign in',
    open: true,
    load: () => import('../screens/sign-in/SignIn.svelte') as Loaded,
  },
  {
    pattern: '/sign-in/code',
    title: 'Enter the code',
    open: true,
    load: () => import('../screens/sign-in/ServiceCode.svelte') as Loaded,
  },
];
