/**
 * The files of a hub's own authority: `authority.json` (its key, which never leaves), `certificate.json` (what the hub
 * shows to browsers, with its key) and `ca.crt` (for whoever is to trust it). Each is there whole or not at all.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { writeWhole } from '../backup/whole-file.ts'
import { storageError } from '../store/storage-error.ts'
import { type Certified, makeAuthority, makeCertificate, type Permitted } from './certificates.ts'
import { type Machine, ownNames, permittedFor, sorted } from './own-names.ts'

export interface Authority extends Certified {
  permitted: Permitted
}

export interface HubCertificate extends Certified {
  names: string[]
  /** Names of the machine that the authority may not vouch for. */
  left: string[]
}

export interface AuthorityPorts {
  /** The data folder of the hub. */
  dataFolder: string
  now: number
  random: RandomBytes
}

const pairFields = { certificate: v.string(), key: v.string() }
const authoritySchema = v.object({
  ...pairFields,
  permitted: v.object({ names: v.array(v.string()), networks: v.array(v.string()) }),
})
const certificateSchema = v.object({ ...pairFields, names: v.array(v.string()) })

/** Made if there is none; whoever is second finds that of the first (TL1). */
export async function ensureAuthority(machine: Machine, ports: AuthorityPorts): Promise<Authority> {
  const authority = (await readAuthority(ports.dataFolder)) ?? (await newAuthority(machine, ports))
  const text = authority.certificate.toString()
  const path = join(folderOf(ports.dataFolder), 'ca.crt')
  const isThere = (await readFile(path, 'utf8').catch(() => '')) === text
  if (!isThere) await writeWhole(path, text, temporaryOf(path, ports.random))
  return authority
}

async function newAuthority(machine: Machine, ports: AuthorityPorts): Promise<Authority> {
  const permitted = permittedFor(machine)
  const made = makeAuthority(machine.hostname.replaceAll(/[^\w.-]/g, ''), permitted, ports)
  await writeOnce(ports, 'authority.json', JSON.stringify({ ...textsOf(made), permitted }))
  return (await readAuthority(ports.dataFolder))!
}

/** Forgets the authority that there is; devices have to install the next one. */
export async function forgetAuthority(dataFolder: string): Promise<void> {
  for (const name of ['authority.json', 'certificate.json', 'ca.crt'])
    await rm(join(folderOf(dataFolder), name), { force: true })
}

export async function readAuthority(dataFolder: string): Promise<Authority | undefined> {
  const path = join(folderOf(dataFolder), 'authority.json')
  const found = await readPair(path, authoritySchema)
  return found && { ...pairOf(found, path), permitted: found.permitted }
}

/** The one that is there if it still serves, else a new one (TL3, TL4). */
export async function ensureCertificate(
  authority: Authority,
  machine: Machine,
  ports: AuthorityPorts,
): Promise<HubCertificate> {
  const { covered, left } = sorted(ownNames(machine), authority.permitted)
  const known = await readCertificate(ports.dataFolder)
  if (known && serves(known, covered, authority, ports.now)) return { ...known, left }
  const made = makeCertificate(covered, authority, ports)
  const path = join(folderOf(ports.dataFolder), 'certificate.json')
  // Hub and command line may both write one.
  const temporary = temporaryOf(path, ports.random)
  await writeWhole(path, JSON.stringify({ ...textsOf(made), names: covered }), temporary)
  return { ...made, names: covered, left }
}

/** What cannot be read counts as none: another is made. */
export async function readCertificate(dataFolder: string): Promise<(Certified & { names: string[] }) | undefined> {
  const path = join(folderOf(dataFolder), 'certificate.json')
  try {
    const found = await readPair(path, certificateSchema)
    return found && { ...pairOf(found, path), names: found.names }
  } catch (thrown) {
    if (thrown instanceof MeshError && thrown.code === 'BAD_CONFIG') return undefined
    throw thrown
  }
}

/** An address that was there a moment ago stays named: it costs nothing, and the network may come back. */
function serves(
  { certificate, names }: Certified & { names: string[] },
  wanted: readonly string[],
  authority: Authority,
  now: number,
): boolean {
  const isLong = Date.parse(certificate.validTo) - now > limits.certificateMs / 3
  const hasBegun = Date.parse(certificate.validFrom) <= now
  const isOurs = certificate.verify(authority.certificate.publicKey)
  return isLong && hasBegun && isOurs && wanted.every(name => names.includes(name))
}

export function folderOf(dataFolder: string): string {
  return join(dataFolder, 'tls')
}

function temporaryOf(path: string, random: RandomBytes): string {
  return `${path}.${Buffer.from(random(6)).toString('hex')}.new`
}

function textsOf({ certificate, key }: Certified): { certificate: string; key: string } {
  return { certificate: certificate.toString(), key: String(key.export({ type: 'pkcs8', format: 'pem' })) }
}

function pairOf({ certificate, key }: { certificate: string; key: string }, path: string): Certified {
  try {
    const pair = { certificate: new X509Certificate(certificate), key: createPrivateKey(key) }
    if (pair.certificate.checkPrivateKey(pair.key)) return pair
  } catch (cause) {
    throw damaged(path, cause)
  }
  throw damaged(path, undefined)
}

async function readPair<T>(path: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw storageError(thrown)
  }
  try {
    return v.parse(schema, JSON.parse(text))
  } catch (cause) {
    throw damaged(path, cause)
  }
}

function damaged(path: string, cause: unknown): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${path} is damaged; remove it and run \`meshbook tls\` again`, cause })
}

/** Whole or not at all, and never in the place of one that is there. */
async function writeOnce({ dataFolder, random }: AuthorityPorts, name: string, text: string): Promise<void> {
  const folder = folderOf(dataFolder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = temporaryOf(join(folder, name), random)
  try {
    const file = await open(temporary, 'wx', 0o600)
    await file.writeFile(text)
    await file.sync()
    await file.close()
    await link(temporary, join(folder, name))
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw storageError(thrown)
  } finally {
    await rm(temporary, { force: true })
  }
}
