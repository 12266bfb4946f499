/**
 * The routes the dashboard calls, in the shape openapi-fetch expects of openapi-typescript.
 * `npm run generate` writes the same as schema.d.ts from openapi.json; this file names only what is used.
 */
import type * as t from './types';

type Json<T> = { 'application/json': T };

interface Answer<T> {
  responses: {
    200: { headers: Record<string, unknown>; content: Json<T> };
    default: { headers: Record<string, unknown>; content: { 'application/problem+json': t.ProblemDocument } };
  };
}

type Read<T, Path = Record<never, never>, Query = Record<never, never>> = Answer<T> & {
  parameters: { path: Path; query?: Query };
};

type Write<T, Body, Path = Record<never, never>, Query = Record<never, never>> = Answer<T> & {
  parameters: { path: Path; query?: Query; header?: Record<string, string> };
  requestBody: { content: Json<Body> };
};

type Remove<T, Path = Record<never, never>> = Answer<T> & {
  parameters: { path: Path; header?: Record<string, string> };
};

interface ById {
  id: string;
}

interface Period {
  from?: t.Day;
  to?: t.Day;
}

export interface paths {
  '/api/v1/session': {
    post: Write<{ user: t.User }, { email: string; password: string; totp?: string }>;
    delete: Remove<never>;
  };
  '/api/v1/me': { get: Read<t.User> };
  '/api/v1/invitations/accept': {
    post: Write<{ user: t.User }, { token: string; name?: string; password: string }>;
  };
  '/api/v1/portfolios': {
    get: Read<t.Page<t.PortfolioItem>>;
    post: Write<
      t.PortfolioItem,
      { name: string; base_currency: string; lot_method?: string; allow_short?: boolean }
    >;
  };
  '/api/v1/portfolios/{id}': {
    get: Read<t.PortfolioDocument, ById, { sequence?: number }>;
    patch: Write<
      t.PortfolioItem,
      { name?: string; lot_method?: string; allow_short?: boolean; closed?: boolean },
      ById
    >;
  };
  '/api/v1/portfolios/{id}/accounts': {
    get: Read<t.Page<t.Account>, ById>;
    post: Write<t.Account, { name: string; currency: string }, ById>;
  };
  '/api/v1/portfolios/{id}/accounts/{account}': {
    patch: Write<t.Account, { name?: string; closed?: boolean }, ById & { account: string }>;
  };
  '/api/v1/portfolios/{id}/activities': {
    get: Read<
      t.ActivityPage,
      ById,
      { cursor?: string; limit?: number; instrument_id?: string; account?: string; voided?: boolean }
    >;
    post: Write<{ sequence: number; ids: string[] }, { activities: t.ActivityInput[] }, ById>;
  };
  '/api/v1/portfolios/{id}/activities/{activity}': {
    put: Write<{ sequence: number; id: string }, t.ActivityInput, ById & { activity: string }>;
    delete: Remove<{ sequence: number }, ById & { activity: string }>;
  };
  '/api/v1/portfolios/{id}/imports': {
    post: Write<
      t.ImportPreview | t.ImportResult,
      string,
      ById,
      { format: 'folioscope-csv'; dry_run?: boolean }
    >;
  };
  '/api/v1/portfolios/{id}/holdings/{instrument}': {
    get: Read<t.HoldingDetail, ById & { instrument: string }>;
  };
  '/api/v1/portfolios/{id}/performance': {
    get: Read<t.Performance, ById, Period & { lot_method?: string }>;
  };
  '/api/v1/portfolios/{id}/history': { get: Read<t.History, ById, Period> };
  '/api/v1/portfolios/{id}/allocation': { get: Read<t.Allocation, ById, { by?: t.Dimension }> };
  '/api/v1/instruments': {
    get: Read<t.Page<t.Instrument>, Record<never, never>, { q?: string; limit?: number }>;
    post: Write<t.Instrument, t.InstrumentInput>;
  };
  '/api/v1/instruments/{id}': { get: Read<t.Instrument, ById> };
  '/api/v1/instruments/{id}/bars': { get: Read<t.Bars, ById, Period> };
  '/api/v1/admin/users': {
    get: Read<t.Page<t.AdminUser>, Record<never, never>, { cursor?: string; limit?: number }>;
  };
  '/api/v1/admin/invitations': {
    post: Write<t.Invitation, { email: string; name: string; role: string }>;
  };
}
