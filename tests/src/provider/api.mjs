// The API that the tokens are for, and what the tests tell and ask the server.

import { account, signer } from './assertions.mjs';
import { granted, PERSON } from './people.mjs';
import { gate, reached } from './tokens.mjs';

export function api(server) {
  const asked = [];
  return async (request, response) => {
    const { pathname } = new URL(request.url, 'http://api');
    try {
      const [status, body, fields = {}] = pathname.startsWith('/admin/')
        ? [200, await told({ ...server, api: asked }, pathname.slice('/admin/'.length), await json(request))]
        : await answer(server, asked, request, pathname);
      const text = JSON.stringify(body ?? null);
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...fields });
      response.end(text);
    } catch (error) {
      console.error(error);
      response.writeHead(500).end();
    }
  };
}

async function json(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

// As RFC 6750 has it.
async function answer({ issuer }, asked, request, path) {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const entry = { path, token: token ?? null, status: 401 };
  asked.push(entry);
  if (!token) return [401, { error: 'no token' }, { 'www-authenticate': 'Bearer realm="api"' }];
  const found = await introspected(issuer, token);
  if (!found.active) {
    return [401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer realm="api", error="invalid_token"' }];
  }
  const number = /^\/api\/(\d+)$/.exec(path)?.[1];
  entry.status = number ? 200 : 404;
  if (!number) return [404, { error: 'not found' }];
  const { account: by, aud, client_id: client, scope, sub, subject } = found;
  return [200, { number: Number(number), client, account: by, subject: subject ?? sub, scope, audience: aud }];
}

async function introspected(issuer, token) {
  const answered = await fetch(`${issuer}/token/introspection`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('api:secret-of-api')}` },
    body: new URLSearchParams({ token }),
  });
  if (!answered.ok) throw new Error(`no introspection: ${answered.status} ${await answered.text()}`);
  return answered.json();
}

const ORDERS = {
  // Everything that was asked so far, of the server and of the API.
  log: ({ api: asked, tokens }) => ({ tokens: tokens.asked, api: asked }),
  forget({ api: asked, tokens }) {
    asked.length = 0;
    tokens.asked.length = 0;
  },
  // How often each grant was asked for, was given, and was refused for which reason.
  counts({ tokens }) {
    const counts = {};
    for (const { grant, status, error } of tokens.asked) {
      const count = counts[grant] ??= { asked: 0, given: 0, refused: {} };
      count.asked += 1;
      if (status === 200) count.given += 1;
      if (error) count.refused[error] = (count.refused[error] ?? 0) + 1;
    }
    return counts;
  },
  set: ({ settings }, wanted) => Object.assign(settings, wanted),
  // No access token is worth anything any more; the refresh tokens are.
  revoke: ({ store }) => store.forget('AccessToken', 'ClientCredentials'),
  // Nothing is, as where whoever agreed takes that back.
  withdraw: ({ store }) => store.forget('AccessToken', 'ClientCredentials', 'RefreshToken', 'Grant'),
  // Hold the requests for tokens from now on, before or after they take effect.
  hold({ tokens }, { when = 'after' }) {
    tokens.gate?.open();
    tokens.gate = gate(when, true);
  },
  held: ({ tokens }, { count = 1 }) => reached(tokens, count),
  // Answer those that are held, or cut them off.
  release({ tokens }, { answer: wanted = true }) {
    const { gate: open } = tokens;
    tokens.gate = null;
    if (open) Object.assign(open, { answer: wanted }).open();
    return open?.count ?? 0;
  },
  account,
  signer,
  client: ({ provider }, metadata) => provider.Client.adapter.upsert(metadata.client_id, metadata),
  // A refresh token that somebody got by agreeing in a browser, some time ago.
  async refresh_token({ provider }, { client = 'native', scope = 'read', resource }) {
    const grantId = await granted(provider, client, {}, { scope, resource });
    const found = await provider.Client.find(client);
    return new provider.RefreshToken({ accountId: PERSON, client: found, grantId, gty: 'authorization_code', resource, scope }).save();
  },
};

async function told(server, order, wanted) {
  const done = ORDERS[order];
  if (!done) throw new Error(`no order ${order}`);
  return done(server, wanted);
}
