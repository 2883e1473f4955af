// Who may ask for tokens. Those with keys are made as they are wanted, see `assertions.mjs`.

const CODE = 'authorization_code';
const CREDENTIALS = 'client_credentials';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const REFRESH = 'refresh_token';
export const ASSERTION = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

// On any port, as RFC 8252 has it.
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'].flatMap((host) => ['/', '/callback'].map((path) => `http://${host}${path}`));

export const machine = (id, method, more) => ({
  client_id: id,
  token_endpoint_auth_method: method,
  grant_types: [CREDENTIALS, REFRESH],
  redirect_uris: [],
  response_types: [],
  ...more,
});

const person = (id, method, more) => ({
  client_id: id,
  application_type: 'native',
  token_endpoint_auth_method: method,
  grant_types: [CODE, REFRESH],
  redirect_uris: LOOPBACK,
  response_types: ['code'],
  ...more,
});

// With what has to be encoded before name and secret are joined and encoded once more (RFC 6749, 2.3.1).
const ODD = 'a b+c%2Bd:e/f?g=h&i';

export const clients = [
  machine('basic', 'client_secret_basic', { client_secret: 'secret-of-basic' }),
  machine('post', 'client_secret_post', { client_secret: 'secret-of-post' }),
  machine('odd:basic', 'client_secret_basic', { client_secret: ODD }),
  machine('odd:post', 'client_secret_post', { client_secret: ODD }),
  person('native', 'none'),
  person('desktop', 'client_secret_post', { client_secret: 'secret-of-desktop' }),
  machine('device', 'none', { application_type: 'native', grant_types: [DEVICE, REFRESH] }),
  // Who asks with an assertion alone, and what the API asks with.
  machine('nobody', 'none', { grant_types: [ASSERTION] }),
  machine('api', 'client_secret_basic', { client_secret: 'secret-of-api', grant_types: [] }),
];
