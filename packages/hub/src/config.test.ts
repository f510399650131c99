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
  ]
  for (const [name, value] of wrong) {
    const named = name.startsWith('MESHBOOK_TLS') ? /MESHBOOK_TLS_(CERT|KEY)/ : new RegExp(name)
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
