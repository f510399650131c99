import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseHubConfig } from './config.ts'

test('without any setting the hub listens on loopback only', () => {
  const config = parseHubConfig({})
  assert.equal(config.host, '127.0.0.1')
  assert.equal(config.port, 3005)
  assert.equal(config.tls, null)
  assert.equal(config.publicUrl, null)
  assert.equal(config.timesDivisor, 1)
  assert.match(config.dataFolder, /\.meshbook$/)
})

test('flags win over the environment', () => {
  const env = { PORT: '1', MESHBOOK_HOST: '0.0.0.0', MESHBOOK_DATA: '/a' }
  const config = parseHubConfig(env, { port: 2, host: '::1', data: '/b' })
  assert.deepEqual([config.port, config.host, config.dataFolder], [2, '::1', '/b'])
})

test('every setting that is not valid is named in a BAD_CONFIG error', () => {
  const wrong: [string, string][] = [
    ['PORT', '70000'],
    ['PORT', 'x'],
    ['MESHBOOK_HOST', 'not a host'],
    ['MESHBOOK_TLS_CERT', '/only/one.pem'],
    ['MESHBOOK_TLS_KEY', '/only/one.pem'],
    ['MESHBOOK_PUBLIC_URL', 'ftp://x'],
    ['MESHBOOK_PUBLIC_URL', 'https://x/path'],
    ['MESHBOOK_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['MESHBOOK_TRUSTED_PROXIES', 'proxy.example'],
    ['MESHBOOK_BOOTSTRAP_TOKEN', 'short'],
    ['MESHBOOK_TIMES_DIVISOR', '0'],
    ['MESHBOOK_SIGN_UP', 'everybody'],
    ['MESHBOOK_OIDC_ISSUER', 'https://id.example'],
    ['MESHBOOK_OIDC_CLIENT_ID', 'only-the-id'],
    ['MESHBOOK_GITHUB_CLIENT_ID', 'no-secret'],
    ['MESHBOOK_COMPUTE', 'podman'],
  ]
  for (const [name, value] of wrong) {
    const family = /^MESHBOOK_(?:TLS|OIDC|GITHUB)/.exec(name)?.[0]
    const named = new RegExp(family ?? name)
    assert.throws(
      () => parseHubConfig({ [name]: value }),
      (error: unknown) => error instanceof MeshError && error.code === 'BAD_CONFIG' && named.test(error.detail ?? ''),
      `${name}=${value}`,
    )
  }
})

test('S7 a bad bootstrap token is not repeated in the error', () => {
  assert.throws(
    () => parseHubConfig({ MESHBOOK_BOOTSTRAP_TOKEN: 'canary-secret' }),
    (error: unknown) => error instanceof MeshError && !error.message.includes('canary'),
  )
})

test('trusted proxies are addresses and networks', () => {
  const { trustedProxies } = parseHubConfig({ MESHBOOK_TRUSTED_PROXIES: '10.0.0.0/8, ::1' })
  assert.ok(trustedProxies.check('10.2.3.4'))
  assert.ok(trustedProxies.check('::1', 'ipv6'))
  assert.ok(!trustedProxies.check('11.0.0.1'))
})

test('the servers of several hubs are named by addresses, and no message repeats a password', () => {
  const env = {
    MESHBOOK_DATABASE_URL: 'postgresql://hub:s3cret@db.example/meshbook',
    MESHBOOK_DATABASE_OWNER_URL: 'postgres://owner:s3cret@db.example/meshbook',
    MESHBOOK_REDIS_URL: 'rediss://:s3cret@redis.example',
  }
  const { database, redisUrl } = parseHubConfig(env)
  assert.deepEqual(database, { url: env.MESHBOOK_DATABASE_URL, ownerUrl: env.MESHBOOK_DATABASE_OWNER_URL })
  assert.equal(redisUrl, env.MESHBOOK_REDIS_URL)
  assert.deepEqual([parseHubConfig({}).database, parseHubConfig({}).redisUrl], [null, null])
  for (const [name, value] of [
    ['MESHBOOK_DATABASE_URL', 'mysql://hub:s3cret@db.example/meshbook'],
    ['MESHBOOK_DATABASE_URL', 'postgresql://:s3cret@db.example/meshbook'],
    ['MESHBOOK_DATABASE_OWNER_URL', 's3cret'],
    ['MESHBOOK_REDIS_URL', 'http://:s3cret@redis.example'],
  ] as const)
    assert.throws(
      () => parseHubConfig({ ...env, [name]: value }),
      (error: Error) => error.message.includes(name) && !error.message.includes('s3cret'),
    )
  assert.throws(() => parseHubConfig({ MESHBOOK_DATABASE_OWNER_URL: env.MESHBOOK_DATABASE_OWNER_URL }), /DATABASE_URL/)
})

const s3 = {
  MESHBOOK_S3_ENDPOINT: 'https://s3.example',
  MESHBOOK_S3_BUCKET: 'my-bucket',
  MESHBOOK_S3_ACCESS_KEY_ID: 'KEY',
  MESHBOOK_S3_SECRET_ACCESS_KEY: 'canary-secret',
}

test('without an S3 endpoint files are kept in the data folder; with one, region, prefix and style have defaults', () => {
  assert.equal(parseHubConfig({}).s3, null)
  assert.deepEqual(parseHubConfig({ ...s3, MESHBOOK_S3_PREFIX: 'mesh/book' }).s3, {
    endpoint: 'https://s3.example',
    bucket: 'my-bucket',
    region: 'us-east-1',
    accessKeyId: 'KEY',
    secretAccessKey: 'canary-secret',
    prefix: 'mesh/book/',
    pathStyle: true,
  })
  assert.equal(parseHubConfig({ ...s3, MESHBOOK_S3_PATH_STYLE: 'false' }).s3?.pathStyle, false)
})

test('OB7 an S3 setting that is missing or wrong is named, and its value is not repeated', () => {
  const wrong: NodeJS.ProcessEnv[] = [
    { ...s3, MESHBOOK_S3_ENDPOINT: undefined },
    { ...s3, MESHBOOK_S3_BUCKET: undefined },
    { ...s3, MESHBOOK_S3_ENDPOINT: 'https://user:canary@s3.example' },
    { ...s3, MESHBOOK_S3_ENDPOINT: 'https://s3.example/path' },
    { ...s3, MESHBOOK_S3_BUCKET: '../canary' },
    { ...s3, MESHBOOK_S3_SECRET_ACCESS_KEY: 'canary with spaces' },
    { ...s3, MESHBOOK_S3_PREFIX: '../canary' },
    { ...s3, MESHBOOK_S3_PATH_STYLE: 'perhaps' },
  ]
  for (const env of wrong)
    assert.throws(
      () => parseHubConfig(env),
      (error: unknown) =>
        error instanceof MeshError &&
        error.code === 'BAD_CONFIG' &&
        /MESHBOOK_S3_/.test(error.message) &&
        !/canary/.test(error.message),
    )
})

test('AU13 providers are asked by HTTPS, or on this machine; a secret stands in a setting or a file, not in both', () => {
  const oidc = { MESHBOOK_OIDC_ISSUER: 'https://id.example/realm', MESHBOOK_OIDC_CLIENT_ID: 'x' }
  const { accounts } = parseHubConfig({ ...oidc, MESHBOOK_GITHUB_CLIENT_ID: 'g', MESHBOOK_GITHUB_CLIENT_SECRET: 's' })
  assert.deepEqual(accounts.oidc, {
    issuer: 'https://id.example/realm',
    clientId: 'x',
    secret: null,
    name: 'id.example',
    scopes: 'openid email profile',
  })
  assert.deepEqual([accounts.github?.url, accounts.github?.api], ['https://github.com', 'https://api.github.com'])
  const wrong: NodeJS.ProcessEnv[] = [
    { ...oidc, MESHBOOK_OIDC_ISSUER: 'http://id.example' },
    { ...oidc, MESHBOOK_OIDC_ISSUER: 'https://id.example?x=1' },
    { ...oidc, MESHBOOK_OIDC_SCOPES: 'email' },
    { ...oidc, MESHBOOK_OIDC_CLIENT_SECRET: 'canary', MESHBOOK_OIDC_CLIENT_SECRET_FILE: '/x' },
  ]
  for (const env of wrong)
    assert.throws(
      () => parseHubConfig(env),
      (error: unknown) => error instanceof MeshError && error.code === 'BAD_CONFIG' && !/canary/.test(error.message),
    )
})

test('NT30 a mail server has an address without a password, TLS unless it is on this machine, and a sender', () => {
  const good = { MESHBOOK_SMTP_URL: 'smtps://mail.example', MESHBOOK_SMTP_FROM: 'Meshbook <mesh@example.org>' }
  assert.equal(parseHubConfig({}).mail, null)
  const from = { name: 'Meshbook', address: 'mesh@example.org' }
  const none = { user: null, password: null, caFile: null }
  assert.deepEqual(parseHubConfig(good).mail, { ...none, host: 'mail.example', port: 465, tls: 'first', from })
  const local = { ...good, MESHBOOK_SMTP_URL: 'smtp://127.0.0.1:2525', MESHBOOK_SMTP_TLS: 'off' }
  assert.deepEqual(parseHubConfig(local).mail, { ...none, host: '127.0.0.1', port: 2525, tls: 'off', from })
  const start = parseHubConfig({ ...good, MESHBOOK_SMTP_URL: 'smtp://mail.example/' }).mail
  assert.deepEqual([start?.port, start?.tls], [587, 'starttls'])
  const wrong: NodeJS.ProcessEnv[] = [
    { ...good, MESHBOOK_SMTP_URL: 'smtps://hub:canary@mail.example' },
    { ...good, MESHBOOK_SMTP_URL: 'https://mail.example' },
    { ...good, MESHBOOK_SMTP_URL: 'mail.example' },
    { ...good, MESHBOOK_SMTP_FROM: 'nobody' },
    { MESHBOOK_SMTP_URL: 'smtps://mail.example' },
    { MESHBOOK_SMTP_FROM: 'mesh@example.org' },
    { MESHBOOK_SMTP_PASSWORD: 'canary' },
    { ...good, MESHBOOK_SMTP_PASSWORD: 'canary' },
    { ...good, MESHBOOK_SMTP_USER: 'hub' },
    { ...good, MESHBOOK_SMTP_USER: 'hub', MESHBOOK_SMTP_PASSWORD: 'canary', MESHBOOK_SMTP_PASSWORD_FILE: '/x' },
    { ...good, MESHBOOK_SMTP_TLS: 'off' },
    { ...good, MESHBOOK_SMTP_URL: 'smtp://mail.example', MESHBOOK_SMTP_TLS: 'off' },
    { ...local, MESHBOOK_SMTP_TLS: 'maybe' },
  ]
  for (const env of wrong)
    assert.throws(
      () => parseHubConfig(env),
      (error: unknown) => error instanceof MeshError && error.code === 'BAD_CONFIG' && !/canary/.test(error.message),
      JSON.stringify(env),
    )
})

test('containers are off unless asked for; sizes are read with their units, and what is not valid is named', () => {
  assert.equal(parseHubConfig({}).compute, null)
  assert.equal(parseHubConfig({ MESHBOOK_COMPUTE: 'off', MESHBOOK_COMPUTE_MEMORY: 'much' }).compute, null)
  const set = (env: NodeJS.ProcessEnv) => parseHubConfig({ MESHBOOK_COMPUTE: 'docker', ...env }).compute
  assert.deepEqual(set({}), {
    driver: 'docker',
    engine: '/var/run/docker.sock',
    image: 'meshbook-worker:latest',
    most: 4,
    idleMs: 900_000,
    diskBytes: 4 * 1024 ** 3,
    limits: { memoryBytes: 2 * 1024 ** 3, cpus: 2, processes: 512 },
  })
  const own = set({
    MESHBOOK_COMPUTE_MEMORY: '512m',
    MESHBOOK_COMPUTE_ENGINE: 'unix:///run/d.sock',
    MESHBOOK_COMPUTE_CPUS: '0.5',
  })
  assert.deepEqual([own?.limits.memoryBytes, own?.engine, own?.limits.cpus], [512 * 1024 ** 2, '/run/d.sock', 0.5])
  for (const [name, value] of [
    ['MESHBOOK_COMPUTE_MEMORY', '10m'],
    ['MESHBOOK_COMPUTE_MEMORY', '2x'],
    ['MESHBOOK_COMPUTE_ENGINE', 'tcp://elsewhere:2375'],
    ['MESHBOOK_COMPUTE_IMAGE', 'Not An Image'],
    ['MESHBOOK_COMPUTE_MOST', '0'],
    ['MESHBOOK_COMPUTE_IDLE_MINUTES', 'never'],
  ] as const)
    assert.throws(
      () => set({ [name]: value }),
      (error: unknown) => error instanceof MeshError && error.message.includes(name),
    )
})

test('tasks on other hosts: what is usual in a pod need not be said, the image and the hub must be', () => {
  const set = (env: NodeJS.ProcessEnv) =>
    parseHubConfig({ MESHBOOK_COMPUTE_IMAGE: 'registry.example:5000/team/worker:1', ...env }).compute
  const cluster = {
    MESHBOOK_COMPUTE: 'kubernetes',
    MESHBOOK_PUBLIC_URL: 'https://mesh.example:8443',
    MESHBOOK_COMPUTE_HUB_ADDRESSES: '192.0.2.7, 2001:db8::7',
  }
  const account = '/var/run/secrets/kubernetes.io/serviceaccount'
  const found = set(cluster)
  assert.ok(found?.driver === 'kubernetes')
  assert.equal(found.image, 'registry.example:5000/team/worker:1')
  assert.deepEqual(found.kubernetes, {
    url: 'https://kubernetes.default.svc',
    namespace: 'meshbook',
    tokenFile: `${account}/token`,
    caFile: `${account}/ca.crt`,
    hubUrl: 'https://mesh.example:8443',
    hubAddresses: ['192.0.2.7', '2001:db8::7'],
  })
  const machines = {
    MESHBOOK_COMPUTE: 'fly',
    MESHBOOK_COMPUTE_APP: 'agents',
    MESHBOOK_COMPUTE_TOKEN_FILE: '/etc/meshbook/fly',
    MESHBOOK_COMPUTE_HUB_URL: 'https://mesh.example',
  }
  const far = set(machines)
  assert.ok(far?.driver === 'fly')
  assert.deepEqual(far.fly, {
    url: 'https://api.machines.dev',
    app: 'agents',
    region: null,
    tokenFile: '/etc/meshbook/fly',
    hubUrl: 'https://mesh.example',
  })
  const wrong: [name: string, env: NodeJS.ProcessEnv][] = [
    ['MESHBOOK_COMPUTE_HUB_URL', { ...cluster, MESHBOOK_PUBLIC_URL: '' }],
    ['MESHBOOK_COMPUTE_HUB_URL', { ...machines, MESHBOOK_COMPUTE_HUB_URL: 'http://mesh.example' }],
    ['MESHBOOK_COMPUTE_HUB_ADDRESSES', { ...cluster, MESHBOOK_COMPUTE_HUB_ADDRESSES: '' }],
    ['MESHBOOK_COMPUTE_HUB_ADDRESSES', { ...cluster, MESHBOOK_COMPUTE_HUB_ADDRESSES: '10.0.0.0/8' }],
    ['MESHBOOK_COMPUTE_URL', { ...cluster, MESHBOOK_COMPUTE_URL: 'http://cluster.example' }],
    ['MESHBOOK_COMPUTE_NAMESPACE', { ...cluster, MESHBOOK_COMPUTE_NAMESPACE: 'kube/../x' }],
    ['MESHBOOK_COMPUTE_APP', { ...machines, MESHBOOK_COMPUTE_APP: '' }],
    ['MESHBOOK_COMPUTE_REGION', { ...machines, MESHBOOK_COMPUTE_REGION: 'europe' }],
    ['MESHBOOK_COMPUTE_TOKEN_FILE', { ...machines, MESHBOOK_COMPUTE_TOKEN_FILE: 'token' }],
    ['MESHBOOK_COMPUTE_IMAGE', { ...machines, MESHBOOK_COMPUTE_IMAGE: '' }],
    ['MESHBOOK_COMPUTE_IMAGE', { ...machines, MESHBOOK_COMPUTE_IMAGE: 'worker' }],
  ]
  for (const [name, env] of wrong)
    assert.throws(
      () => set(env),
      (error: unknown) => error instanceof MeshError && error.message.includes(name),
      name,
    )
})
