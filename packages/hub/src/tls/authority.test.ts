/** The own authority and what it signs, as OpenSSL and Node judge them. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import type { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { ensureAuthority, ensureCertificate, forgetAuthority, readAuthority } from './authority-folder.ts'
import { makeCertificate } from './certificates.ts'
import { mobileConfig } from './mobile-config.ts'
import { lanAddresses, type Machine, ownNames } from './own-names.ts'

const ipv4 = (address: string, internal = false): NonNullable<ReturnType<typeof networkInterfaces>['lan']>[number] => ({
  address,
  internal,
  family: 'IPv4',
  netmask: '255.255.255.0',
  mac: '02:00:00:00:00:01',
  cidr: `${address}/24`,
})
const machine: Machine = {
  hostname: 'Desk.home.arpa',
  publicUrl: 'https://mesh.example:8443',
  interfaces: {
    docker0: [ipv4('172.17.0.1')],
    lo: [ipv4('127.0.0.1', true)],
    lan: [
      ipv4('192.168.7.10'),
      { ...ipv4('x'), family: 'IPv6', address: 'fd00::7:10', scopeid: 0, cidr: 'fd00::7:10/64' },
      { ...ipv4('x'), family: 'IPv6', address: 'fe80::1', scopeid: 2, cidr: 'fe80::1/64' },
    ],
    wan: [ipv4('203.0.113.9')],
  },
}
const now = Date.now()

interface Made {
  dataFolder: string
  ports: { dataFolder: string; now: number; random: typeof systemRandom }
}

async function made(t: TestContext): Promise<Made> {
  const dataFolder = await temporaryFolder(t)
  return { dataFolder, ports: { dataFolder, now, random: systemRandom } }
}

/** What OpenSSL says of a certificate for this name; empty when it is good. */
async function refusal(folder: string, certificate: X509Certificate, name: string): Promise<string> {
  const leaf = join(folder, 'leaf.pem')
  await writeFile(leaf, certificate.toString())
  const as = /^[\d.]+$|:/.test(name) ? '-verify_ip' : '-verify_hostname'
  const asked = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-CAfile',
    join(folder, 'tls/ca.crt'),
    as,
    name,
    leaf,
  ]
  const { status, stderr } = spawnSync('openssl', asked, { encoding: 'utf8' })
  return status === 0 ? '' : stderr
}

test('TL1 there is one authority, also when it is asked for twice at once; its files are the owner’s alone', async t => {
  const { dataFolder, ports } = await made(t)
  const all = await Promise.all(Array.from({ length: 8 }, () => ensureAuthority(machine, ports)))
  const again = await ensureAuthority({ ...machine, hostname: 'other' }, ports)
  assert.equal(new Set([...all, again].map(({ certificate }) => certificate.fingerprint256)).size, 1)
  const folder = join(dataFolder, 'tls')
  assert.deepEqual((await readdir(folder)).sort(), ['authority.json', 'ca.crt'])
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  assert.equal((await stat(join(folder, 'authority.json'))).mode & 0o777, 0o600)
  const { certificate } = again
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  assert.equal(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom), limits.authorityMs)
  assert.ok(!(await readFile(join(folder, 'ca.crt'), 'utf8')).includes('PRIVATE'))
})

test('TL1 a half-written authority is an error that names the file, and is not replaced', async t => {
  const { dataFolder, ports } = await made(t)
  const { certificate } = await ensureAuthority(machine, ports)
  const path = join(dataFolder, 'tls/authority.json')
  const text = await readFile(path, 'utf8')
  for (const bad of [text.slice(0, 400), text.replace('CERTIFICATE', 'NOTHING'), '{}']) {
    await writeFile(path, bad)
    await assert.rejects(ensureAuthority(machine, ports), { code: 'BAD_CONFIG', message: /authority\.json is damaged/ })
  }
  await forgetAuthority(dataFolder)
  assert.equal(await readAuthority(dataFolder), undefined)
  assert.notEqual((await ensureAuthority(machine, ports)).certificate.fingerprint256, certificate.fingerprint256)
})

test('TL3 the certificate names loopback, the machine, its networks and the public host, for less than 398 days', async t => {
  const { dataFolder, ports } = await made(t)
  const { certificate, left } = await ensureCertificate(await ensureAuthority(machine, ports), machine, ports)
  assert.deepEqual(left, [])
  const names = ['localhost', 'desk.home.arpa', 'desk.local', 'mesh.example', '127.0.0.1', '192.168.7.10', 'fd00::7:10']
  for (const name of [...names, '203.0.113.9']) assert.equal(await refusal(dataFolder, certificate, name), '', name)
  assert.match(await refusal(dataFolder, certificate, 'evil.example'), /mismatch/i)
  const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000
  assert.ok(days < 398 && Date.parse(certificate.validFrom) < now - 3_000_000)
  assert.ok(!certificate.ca && certificate.subjectAltName?.includes('IP Address:192.168.7.10'))
})

test('TL2 what the authority might sign for another name no client accepts', async t => {
  const { dataFolder, ports } = await made(t)
  const authority = await ensureAuthority(machine, ports)
  const sign = (name: string): X509Certificate => makeCertificate([name], authority, ports).certificate
  for (const name of ['bank.example', 'example', 'notdesk.local', '8.8.8.8', '203.0.113.10', '2001:db8::1'])
    assert.match(await refusal(dataFolder, sign(name), name), /permitted subtree violation/, name)
  for (const name of ['sub.mesh.example', '10.9.8.7', '192.168.200.1', 'fd12::1'])
    assert.equal(await refusal(dataFolder, sign(name), name), '', name)
  assert.match(
    execFileSync('openssl', ['x509', '-in', join(dataFolder, 'tls/ca.crt'), '-noout', '-text'], { encoding: 'utf8' }),
    /Name Constraints: critical/,
  )
})

test('TL2 a name that the authority may not vouch for is left out and told', async t => {
  const { ports } = await made(t)
  const authority = await ensureAuthority(machine, ports)
  const moved = { ...machine, publicUrl: 'https://new.example' }
  const { names, left } = await ensureCertificate(authority, moved, ports)
  assert.deepEqual(left, ['new.example'])
  assert.ok(!names.includes('new.example') && names.includes('192.168.7.10'))
})

test('TL4 the certificate stays until a third of its time is left, names are missing, or it is another authority’s', async t => {
  const { dataFolder, ports } = await made(t)
  const authority = await ensureAuthority(machine, ports)
  const print = async (at: number, of = machine): Promise<string> =>
    (await ensureCertificate((await readAuthority(dataFolder))!, of, { ...ports, now: at })).certificate.fingerprint256
  const first = await print(now)
  const later = now + limits.certificateMs / 2
  assert.equal(await print(later), first)
  assert.equal(
    await print(now, { ...machine, interfaces: {} }),
    first,
    'a network that is gone for a while changes nothing',
  )
  const interfaces = { lan: [ipv4('192.168.9.9')] }
  const moved = await print(now, { ...machine, interfaces })
  assert.notEqual(moved, first)
  const due = now + (limits.certificateMs * 2) / 3
  const renewed = await print(due, { ...machine, interfaces })
  assert.notEqual(renewed, moved)
  await writeFile(join(dataFolder, 'tls/certificate.json'), '{"certificate":')
  assert.notEqual(await print(due, { ...machine, interfaces }), renewed)
  await forgetAuthority(dataFolder)
  const other = await ensureAuthority(machine, ports)
  assert.notEqual(other.certificate.fingerprint256, authority.certificate.fingerprint256)
  const { certificate } = await ensureCertificate(other, machine, ports)
  assert.ok(certificate.verify(other.certificate.publicKey))
})

test('TL3 names of the machine: what a phone reaches first comes first, containers last, odd host names not at all', () => {
  assert.deepEqual(lanAddresses(machine), ['192.168.7.10', '203.0.113.9', 'fd00::7:10', '172.17.0.1'])
  const odd = { hostname: 'a b<c>', interfaces: {}, publicUrl: null }
  assert.deepEqual(ownNames(odd), ['localhost', '127.0.0.1', '::1'])
  assert.deepEqual(ownNames({ ...odd, hostname: '10.0.0.1', publicUrl: 'https://[2001:db8::1]' }).slice(1), [
    '2001:db8::1',
    '127.0.0.1',
    '::1',
  ])
})

test('TL11 the profile for iOS has the authority and nothing of its key', async t => {
  const { ports } = await made(t)
  const { certificate, key } = await ensureAuthority(machine, ports)
  const text = mobileConfig(certificate)
  const [, data = ''] = /<data>([^<]*)<\/data>/.exec(text) ?? []
  assert.equal(new X509Certificate(Buffer.from(data, 'base64')).fingerprint256, certificate.fingerprint256)
  assert.equal(mobileConfig(certificate), text, 'installed again it replaces itself')
  const uuids = [...text.matchAll(/<key>PayloadUUID<\/key><string>([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})</g)]
  assert.equal(new Set(uuids.map(([, id]) => id)).size, 2)
  assert.ok(!text.includes(key.export({ type: 'pkcs8', format: 'der' }).toString('base64').slice(40, 80)))
})
