// An authorization server: `oidc-provider`, with the clients and the habits that the tests need, and an API beside it.
//
//     node main.mjs DIRECTORY [PORT [PORT-OF-THE-API]]
//
// DIRECTORY is where npm put the package. What it prints first is where both listen, as JSON. It ends with its standard
// input.

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { api } from './api.mjs';
import { assertions } from './assertions.mjs';
import { clients } from './clients.mjs';
import { interaction } from './people.mjs';
import { storage } from './storage.mjs';
import { token, usual } from './tokens.mjs';

// Standard output is for the one line that is waited for.
console.info = console.warn = console.error;
process.stdin.on('end', () => process.exit(0)).resume();
// Node has it since 22.
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);

const [directory, port = '0', apiPort = '0'] = process.argv.slice(2);
const found = createRequire(resolve(directory, 'package.json'));
const [{ Provider }, jose] = await Promise.all(['oidc-provider', 'jose'].map((name) => import(pathToFileURL(found.resolve(name)))));

const settings = {
  // Seconds that tokens and codes last.
  ttl: 3600, refresh_ttl: 86400, device_ttl: 600,
  // Whether each refresh gives a new refresh token, and how often an old one is taken before it counts as stolen.
  rotate: true, uses: 1,
  // Whether a refresh ends the access tokens before it.
  retire: false,
  // Whether whoever is asked says no.
  refuse: false,
  // What a device is told of seconds between two questions, and how many of those are answered with `slow_down`.
  interval: 1, slow_down: 0,
};
const store = storage(settings);
const tokens = usual(settings);

async function listening(server, wanted) {
  await new Promise((done) => { server.listen(Number(wanted), '127.0.0.1', done); });
  return `http://127.0.0.1:${server.address().port}`;
}

const server = http.createServer();
const issuer = await listening(server, port);
const provider = new Provider(issuer, {
  adapter: store.adapter,
  clients,
  clockTolerance: 0,
  enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'RS384', 'PS256', 'ES256'] },
  cookies: { keys: [randomUUID()] },
  expiresWithSession: () => false,
  extraTokenClaims: (_, issued) => issued.extra,
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_, __, several) => several?.[0],
      getResourceServerInfo: (_, resource) => ({ audience: resource, scope: 'read write' }),
      useGrantedResource: () => true,
    },
    revocation: { enabled: true },
  },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  pkce: { required: () => true },
  rotateRefreshToken: () => settings.rotate,
  scopes: ['openid', 'offline_access', 'read', 'write'],
  ttl: {
    AccessToken: () => settings.ttl,
    ClientCredentials: () => settings.ttl,
    DeviceCode: () => settings.device_ttl,
    Grant: () => 14 * 86400,
    RefreshToken: () => settings.refresh_ttl,
  },
});
const accounts = assertions(provider, jose, issuer);
provider.use(interaction(provider, settings));
provider.use(token(tokens, settings));
// What the server tells nobody but its own log.
provider.on('grant.error', (ctx, error) => { ctx.state.detail = error.error_detail; });
server.on('request', provider.callback());

const beside = http.createServer(api({ accounts, issuer, jose, provider, settings, store, tokens }));
console.log(JSON.stringify({ issuer, api: await listening(beside, apiPort) }));
