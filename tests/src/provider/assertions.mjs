// The grant of RFC 7523: a signed assertion for a token, as service accounts have it.

import { generateKeyPairSync, randomUUID } from 'node:crypto';

import { ASSERTION, machine } from './clients.mjs';

// Google's limit.
const LONGEST = 3600;

export function assertions(provider, jose, issuer) {
  const accounts = new Map();

  provider.registerGrantType(ASSERTION, async (ctx) => {
    const { assertion, scope } = ctx.oidc.params;
    try {
      const { account, claims } = await verified(jose, accounts, [issuer, ctx.origin], assertion);
      const issued = new provider.ClientCredentials({ client: ctx.oidc.client, scope: scope ?? claims.scope });
      issued.extra = { account, subject: claims.sub };
      const value = await issued.save();
      ctx.body = { access_token: value, expires_in: issued.expiration, token_type: issued.tokenType };
      if (issued.scope) ctx.body.scope = issued.scope;
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof jose.errors.JOSEError)) throw error;
      ctx.status = 400;
      ctx.body = { error: 'invalid_grant', error_description: error.message };
    }
  }, ['assertion', 'scope']);

  return accounts;
}

class Refused extends Error {}

async function verified(jose, accounts, origins, assertion) {
  if (!assertion) throw new Refused('no assertion');
  const { iss } = jose.decodeJwt(assertion);
  const account = accounts.get(iss);
  if (!account) throw new Refused(`no account ${iss}`);
  const { payload } = await jose.jwtVerify(assertion, account.key, {
    algorithms: [account.alg],
    // By whichever address it was reached.
    audience: origins.flatMap((origin) => [origin, `${origin}/token`]),
    issuer: iss,
    requiredClaims: ['iat', 'exp'],
  });
  const now = Math.floor(Date.now() / 1000);
  if (payload.iat > now) throw new Refused('it was issued in the future');
  if (payload.exp - payload.iat > LONGEST) throw new Refused('it lasts for too long');
  if (account.subject !== null && payload.sub !== account.subject) throw new Refused('its subject may not be acted for');
  return { account: iss, claims: payload };
}

function keys(alg, form) {
  const type = /^[RP]S/.test(alg) ? 'rsa' : 'ec';
  const { privateKey, publicKey } = generateKeyPairSync(type, { modulusLength: 2048, namedCurve: 'P-256' });
  return { publicKey, pem: privateKey.export({ type: form, format: 'pem' }) };
}

// A service account with a key of its own, as Google hands them out.
export function account({ accounts, issuer }, { alg = 'RS256', form = 'pkcs8', subject = null }) {
  const { publicKey, pem } = keys(alg, form);
  const email = `robot-${accounts.size}@project.example`;
  accounts.set(email, { alg, key: publicKey, subject });
  return {
    type: 'service_account',
    project_id: 'project',
    private_key_id: randomUUID(),
    private_key: pem,
    client_email: email,
    token_uri: `${issuer}/token`,
  };
}

// A client that signs instead of having a secret (`private_key_jwt`).
export async function signer({ jose, provider }, { alg = 'RS256', form = 'pkcs8', id = `signer-${randomUUID()}` }) {
  const { publicKey, pem } = keys(alg, form);
  const kid = randomUUID();
  const jwk = { ...(await jose.exportJWK(publicKey)), alg, kid, use: 'sig' };
  const metadata = machine(id, 'private_key_jwt', { jwks: { keys: [jwk] }, token_endpoint_auth_signing_alg: alg });
  await provider.Client.adapter.upsert(id, metadata);
  return { client_id: id, private_key_id: kid, private_key: pem };
}
