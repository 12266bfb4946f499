// A sign-in service that people know from elsewhere: OpenID Connect as its standard has it, with a key of its own and one page, on which
// whoever comes says who they are.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';

export const clientId = 'folioscope';
export const clientSecret = 'a secret of two';
const tokenAge = 60; // seconds

const base64url = (data) => Buffer.from(data).toString('base64url');
const json = (answer, status, body) => answer.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
const page = (answer, body) =>
  answer.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(`<!doctype html><html lang="en"><title>Acme</title>${body}</html>`);
const escaped = (text) => String(text).replace(/[&<>"]/g, (letter) => `&#${letter.codePointAt(0)};`);

/** Starts it. people are {sub, name, email, email_verified}; each has a button on its page. */
export async function startProvider(t, people) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' };
  const grants = new Map(); // what a code stands for
  let issuer = '';

  const describe = (_, answer) =>
    json(answer, 200, {
      issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`,
      end_session_endpoint: `${issuer}/end`, response_types_supported: ['code'], subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'], code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    });

  /** Asks who somebody is; their button leads to the same address with them in it. */
  const authorize = (asked, answer) => {
    if (asked.get('client_id') !== clientId || asked.get('response_type') !== 'code' || asked.get('code_challenge_method') !== 'S256') {
      return json(answer, 400, { error: 'invalid_request' });
    }
    if (!asked.has('as')) {
      const way = (as, text) => `<p><a href="/authorize?${escaped(new URLSearchParams([...asked, ['as', as]]))}">${escaped(text)}</a></p>`;
      return page(answer, `<h1>Acme: who are you?</h1>${people.map(({ sub, name }) => way(sub, name)).join('')}${way('', 'Nobody')}`);
    }
    const back = new URL(asked.get('redirect_uri'));
    back.searchParams.set('state', asked.get('state'));
    back.searchParams.set('iss', issuer);
    const person = people.find(({ sub }) => sub === asked.get('as'));
    if (person) {
      const code = randomUUID();
      grants.set(code, { person, asked, at: Math.floor(Date.now() / 1000) });
      back.searchParams.set('code', code);
    } else {
      back.searchParams.set('error', 'access_denied');
    }
    return answer.writeHead(302, { Location: back.href }).end();
  };

  /** Gives the ID token for a code, once, to the client that has the secret and the verifier. */
  const token = (given, answer, authorization) => {
    const expected = `Basic ${Buffer.from(`${clientId}:${encodeURIComponent(clientSecret).replaceAll('%20', '+')}`).toString('base64')}`;
    if (authorization !== expected) return json(answer, 401, { error: 'invalid_client' });
    const grant = grants.get(given.get('code'));
    grants.delete(given.get('code'));
    const challenge = createHash('sha256').update(given.get('code_verifier') ?? '').digest('base64url');
    if (!grant || challenge !== grant.asked.get('code_challenge') || given.get('redirect_uri') !== grant.asked.get('redirect_uri')) {
      return json(answer, 400, { error: 'invalid_grant' });
    }
    const claims = {
      ...grant.person, iss: issuer, aud: clientId, nonce: grant.asked.get('nonce'), iat: grant.at, exp: grant.at + tokenAge, auth_time: grant.at,
    };
    const text = `${base64url(JSON.stringify({ alg: 'RS256', kid: key.kid }))}.${base64url(JSON.stringify(claims))}`;
    const signature = sign('sha256', Buffer.from(text), privateKey);
    return json(answer, 200, { access_token: randomUUID(), token_type: 'Bearer', expires_in: tokenAge, id_token: `${text}.${base64url(signature)}` });
  };

  const end = (asked, answer) =>
    page(answer, `<h1>Signed out of Acme</h1><p><a href="${escaped(asked.get('post_logout_redirect_uri'))}">Back</a></p>`);

  const server = createServer(async (request, answer) => {
    const { pathname, searchParams } = new URL(request.url, issuer);
    let body = '';
    for await (const part of request) body += part;
    const way = {
      'GET /.well-known/openid-configuration': () => describe(searchParams, answer),
      'GET /authorize': () => authorize(searchParams, answer),
      'POST /token': () => token(new URLSearchParams(body), answer, request.headers.authorization),
      'GET /keys': () => json(answer, 200, { keys: [key] }),
      'GET /end': () => end(searchParams, answer),
    }[`${request.method} ${pathname}`];
    if (way) way();
    else answer.writeHead(pathname === '/favicon.ico' ? 204 : 404).end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(
    () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  );
  issuer = `http://127.0.0.1:${server.address().port}`;
  return { issuer };
}
