// Whoever sits before the browser: logs in and agrees at once, or refuses.

export const PERSON = 'somebody';

export function interaction(provider, settings) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { params, prompt } = await provider.interactionDetails(ctx.req, ctx.res);
    const result = settings.refuse
      ? { error: 'access_denied', error_description: 'the person said no' }
      : { login: { accountId: PERSON }, consent: { grantId: await granted(provider, params.client_id, prompt.details, params) } };
    const to = await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
    ctx.status = 303;
    ctx.redirect(to);
  };
}

// All that was asked for.
export async function granted(provider, clientId, { missingResourceScopes = {} } = {}, { resource = [], scope = 'read' } = {}) {
  const grant = new provider.Grant({ clientId, accountId: PERSON });
  grant.addOIDCScope(scope);
  for (const each of [resource].flat().filter(Boolean)) grant.addResourceScope(each, scope);
  for (const [each, scopes] of Object.entries(missingResourceScopes)) grant.addResourceScope(each, scopes.join(' '));
  return grant.save();
}
