// What becomes of requests for tokens before and after the server sees to them: they are counted, and held where that
// is wanted.

import querystring from 'node:querystring';

import { ASSERTION } from './clients.mjs';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

export function usual() {
  return { asked: [], gate: null };
}

export function gate(when, answer) {
  const held = { when, answer, count: 0, waiting: [] };
  held.opened = new Promise((open) => { held.open = open; });
  return held;
}

async function held(tokens, when) {
  const { gate: at } = tokens;
  if (at?.when !== when) return true;
  at.count += 1;
  at.waiting.splice(0).forEach((told) => told());
  await at.opened;
  return at.answer;
}

// Once this many requests are held.
export async function reached(tokens, count) {
  while (tokens.gate && tokens.gate.count < count) {
    const { waiting } = tokens.gate;
    await new Promise((told) => { waiting.push(told); });
  }
}

async function body(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return { ...querystring.parse(text) };
}

export function token(tokens, settings) {
  return async (ctx, next) => {
    if (ctx.path === '/auth') ctx.query = { scope: 'read', ...ctx.query };
    if (ctx.method !== 'POST' || !['/token', '/device/auth'].includes(ctx.path)) return next();
    const params = await body(ctx.req);
    const entry = { grant: params.grant_type ?? 'device', params: { ...params }, authorization: ctx.get('authorization') || null };
    const number = tokens.asked.push(entry);
    // A client that goes away is part of the tests, and so is one that is cut off.
    if (!await held(tokens, 'before')) return cut(ctx);
    ctx.req.body = adapted(params, ctx);
    if (params.grant_type === DEVICE && settings.slow_down > 0) {
      settings.slow_down -= 1;
      ctx.status = 400;
      ctx.body = { error: 'slow_down' };
    } else {
      await next();
    }
    if (ctx.path === '/device/auth' && ctx.status === 200 && settings.interval) ctx.body.interval = settings.interval;
    Object.assign(entry, { number, status: ctx.status, error: ctx.body?.error ?? null, detail: ctx.state.detail ?? null });
    if (!await held(tokens, 'after')) return cut(ctx);
  };
}

function cut(ctx) {
  ctx.respond = false;
  ctx.req.socket.destroy();
}

// What other services take and this one does not: an assertion without a client, `audience` for `resource`, no scope.
function adapted(params, ctx) {
  const { audience, ...rest } = params;
  if (audience && !rest.resource) rest.resource = audience;
  if (rest.grant_type === ASSERTION && !rest.client_id && !ctx.get('authorization')) rest.client_id = 'nobody';
  if (ctx.path === '/device/auth') rest.scope ??= 'read';
  return rest;
}
