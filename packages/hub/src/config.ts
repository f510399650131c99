/**
 * Every setting of a hub, parsed once from flags and environment into a typed value. Reads no file and opens nothing.
 * A setting that is not valid is a BAD_CONFIG error that names it; flags win over the environment.
 */

import { BlockList, isIP } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import { isApiToken } from '@meshbook/relay/serve/secrets.ts'
import { type AccountsConfig, accountSettings, parseAccounts } from './auth/account-config.ts'
import { type ComputeConfig, computeSettings, parseCompute } from './compute/compute-config.ts'
import { type ModelsConfig, modelsSettings, parseModels } from './gateway/models-config.ts'
import { type GitSettings, gitSettings, parseGit } from './git/git-config.ts'
import { type MailConfig, mailSettings, parseMail } from './notify/mail-config.ts'
import { parseS3, type S3Config, s3Settings } from './objects/s3-config.ts'
import { parseRates, type RatesConfig, ratesSettings } from './rates/rates-config.ts'
import { parseTasks, type TaskConfig, taskSettings } from './tasks/task-config.ts'
import { type MasterKeyConfig, masterKeySettings } from './vault/master-key.ts'

export interface HubConfig {
  host: string
  /** 0 lets the system choose one. */
  port: number
  dataFolder: string
  /** Paths of PEM files. */
  tls: { cert: string; key: string } | null
  /** Origin under which browsers reach the hub, where that is not its own address. */
  publicUrl: string | null
  /** Origin under which published pages are read, and nothing else; null: they share the hub's, sandboxed. */
  publishUrl: string | null
  trustedProxies: BlockList
  /** PostgreSQL instead of a file in the data folder: the hub's role, and the owner of the tables where it may change them. */
  database: { url: string; ownerUrl: string | null } | null
  /** Tells other hubs on the same database of news; null where there are none. */
  redisUrl: string | null
  /** Where assets and large snapshots are kept; null: as files in the data folder. */
  s3: S3Config | null
  /** Who may make an account, and who signs people in. */
  accounts: AccountsConfig
  /** API token of the first user, taken at the first start only. */
  bootstrapToken: string | null
  /** Origins of push services beyond those that browsers are known to use. */
  pushServices: readonly string[]
  /** Null: the hub sends no mail. */
  mail: MailConfig | null
  /** Null: the hub makes no workers. */
  compute: ComputeConfig | null
  tasks: TaskConfig
  /** Steps of workflows may send requests into the hub's own network. */
  workflowsPrivate: boolean
  /** Where git may go for agent tasks. */
  git: GitSettings
  masterKey: MasterKeyConfig
  /** The one before, where it is being changed. */
  oldMasterKey: MasterKeyConfig
  models: ModelsConfig
  /** How often may be asked; null: only sign-ins are counted. */
  rates: RatesConfig | null
  /** How long the logs of ended runs are kept. */
  runRetentionDays: number
  /** Times that decide when a device is suspect or offline are divided by this. */
  timesDivisor: number
  /** Folder of the built web app; null serves a page that says how to build it. */
  webFolder: string | null
}

export interface HubFlags {
  host?: string | undefined
  port?: string | number | undefined
  data?: string | undefined
  webFolder?: string | undefined
}

/** Name and meaning of each environment setting; `doctor` prints them. */
export const hubSettings = {
  MESHBOOK_HOST: 'address to listen on (127.0.0.1; another one opens the hub to the network)',
  PORT: 'port to listen on (3005)',
  MESHBOOK_DATA: 'folder of everything the hub keeps (~/.meshbook)',
  MESHBOOK_TLS_CERT: 'PEM file of the certificate; with MESHBOOK_TLS_KEY the hub serves HTTPS',
  MESHBOOK_TLS_KEY: 'PEM file of the key of MESHBOOK_TLS_CERT',
  MESHBOOK_PUBLIC_URL: 'address under which browsers reach the hub through a proxy, such as https://mesh.example',
  MESHBOOK_PUBLISH_URL:
    'address of its own for published pages, such as https://pages.example; it leads to the same port and serves nothing else',
  MESHBOOK_TRUSTED_PROXIES: 'addresses or networks of proxies whose X-Forwarded-For is believed, with commas between',
  MESHBOOK_DATABASE_URL:
    'PostgreSQL instead of a file, as a role that owns no table: postgresql://hub:password@host/meshbook',
  MESHBOOK_DATABASE_OWNER_URL: 'the same database as the owner of the tables; needed only to make or update them',
  MESHBOOK_REDIS_URL:
    'Redis that tells several hubs on one database of each other’s edits, and counts requests for all: redis://host:6379',
  ...s3Settings,
  ...accountSettings,
  MESHBOOK_PUSH_SERVICES:
    'push services that browsers here use beyond the known ones, such as https://push.example, with commas between',
  ...mailSettings,
  ...computeSettings,
  ...gitSettings,
  ...taskSettings,
  MESHBOOK_WORKFLOWS_PRIVATE: '1: steps of workflows may ask addresses of the hub’s own network (no)',
  ...masterKeySettings,
  ...modelsSettings,
  ...ratesSettings,
  MESHBOOK_BOOTSTRAP_TOKEN: 'API token (mb_…) for the first user, taken at the first start',
  MESHBOOK_RUN_RETENTION_DAYS:
    'days for which the logs of runs are kept; what became of a run is known for longer (30)',
  MESHBOOK_TIMES_DIVISOR: 'divides the heartbeat and offline times, for tests (1)',
} as const
type Setting = keyof typeof hubSettings

export function parseHubConfig(env: NodeJS.ProcessEnv, flags: HubFlags = {}): HubConfig {
  const setting = (name: Setting): string | undefined => env[name]?.trim() || undefined
  const host = flags.host ?? setting('MESHBOOK_HOST') ?? '127.0.0.1'
  const publicUrl = parsePublicUrl('MESHBOOK_PUBLIC_URL', setting('MESHBOOK_PUBLIC_URL'))
  return {
    host: parseHost(host, flags.host ? '--host' : 'MESHBOOK_HOST'),
    port: parsePort(flags.port ?? setting('PORT') ?? '3005', flags.port === undefined ? 'PORT' : '--port'),
    dataFolder: resolve(flags.data ?? setting('MESHBOOK_DATA') ?? join(homedir(), '.meshbook')),
    tls: parseTls(setting('MESHBOOK_TLS_CERT'), setting('MESHBOOK_TLS_KEY')),
    publicUrl,
    publishUrl: parsePublicUrl('MESHBOOK_PUBLISH_URL', setting('MESHBOOK_PUBLISH_URL')),
    trustedProxies: parseProxies(setting('MESHBOOK_TRUSTED_PROXIES')),
    database: parseDatabase(setting('MESHBOOK_DATABASE_URL'), setting('MESHBOOK_DATABASE_OWNER_URL')),
    redisUrl: parseServerUrl('MESHBOOK_REDIS_URL', setting('MESHBOOK_REDIS_URL'), /^rediss?:$/, 'redis://host:6379'),
    s3: parseS3(setting),
    accounts: parseAccounts(setting),
    bootstrapToken: parseBootstrapToken(setting('MESHBOOK_BOOTSTRAP_TOKEN')),
    pushServices: parseOrigins('MESHBOOK_PUSH_SERVICES', setting('MESHBOOK_PUSH_SERVICES')),
    mail: parseMail(setting),
    compute: parseCompute(setting, publicUrl),
    git: parseGit(setting),
    tasks: parseTasks(setting),
    workflowsPrivate: setting('MESHBOOK_WORKFLOWS_PRIVATE') === '1',
    masterKey: {
      key: setting('MESHBOOK_MASTER_KEY') ?? null,
      file: parsePath(setting('MESHBOOK_MASTER_KEY_FILE')),
    },
    oldMasterKey: {
      key: setting('MESHBOOK_MASTER_KEY_OLD') ?? null,
      file: parsePath(setting('MESHBOOK_MASTER_KEY_OLD_FILE')),
    },
    models: parseModels(setting),
    rates: parseRates(setting, isReached(host, setting)),
    runRetentionDays: parseRetention(setting('MESHBOOK_RUN_RETENTION_DAYS')),
    timesDivisor: parseDivisor(setting('MESHBOOK_TIMES_DIVISOR')),
    webFolder: flags.webFolder ? resolve(flags.webFolder) : null,
  }
}

function bad(setting: string, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${setting}: expected ${expected}` })
}

/** Whether more than this machine can ask. */
function isReached(host: string, setting: (name: Setting) => string | undefined): boolean {
  const outside = [
    'MESHBOOK_PUBLIC_URL',
    'MESHBOOK_PUBLISH_URL',
    'MESHBOOK_TRUSTED_PROXIES',
    'MESHBOOK_DATABASE_URL',
    'MESHBOOK_REDIS_URL',
  ] as const
  return !isLoopbackName(host.replace(/^\[(.*)\]$/, '$1')) || outside.some(name => setting(name) !== undefined)
}

function parseHost(text: string, setting: string): string {
  const host = text.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/.test(host)) return host
  throw bad(setting, 'an address or a host name, such as 127.0.0.1')
}

function parsePort(value: string | number, setting: string): number {
  const text = String(value)
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw bad(setting, 'a port number from 0 to 65535')
}

function parseTls(cert: string | undefined, key: string | undefined): HubConfig['tls'] {
  if (!cert && !key) return null
  if (!cert) throw bad('MESHBOOK_TLS_CERT', 'a PEM file, because MESHBOOK_TLS_KEY is set')
  if (!key) throw bad('MESHBOOK_TLS_KEY', 'a PEM file, because MESHBOOK_TLS_CERT is set')
  return { cert: resolve(cert), key: resolve(key) }
}

function parsePublicUrl(name: Setting, text: string | undefined): string | null {
  if (!text) return null
  const url = URL.parse(text)
  const plain =
    url &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === '/' &&
    !url.search &&
    !url.hash &&
    !url.username &&
    !url.password
  if (plain) return url.origin
  throw bad(name, 'an origin without a path, such as https://mesh.example')
}

function parsePath(text: string | undefined): string | null {
  return text === undefined ? null : resolve(text)
}

function parseOrigins(name: Setting, text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap(part => parsePublicUrl(name, part.trim() || undefined) ?? [])
}

function parseProxies(text: string | undefined): BlockList {
  const list = new BlockList()
  for (const entry of (text ?? '').split(',').map(part => part.trim())) if (entry) addNetwork(list, entry)
  return list
}

function addNetwork(list: BlockList, entry: string): void {
  const [address = '', prefix, ...more] = entry.split('/')
  const family = isIP(address)
  const longest = family === 6 ? 128 : 32
  const bits = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  if (!family || more.length > 0 || !(bits <= longest))
    throw bad('MESHBOOK_TRUSTED_PROXIES', `addresses or networks such as 10.0.0.0/8, got ${JSON.stringify(entry)}`)
  list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4')
}

function parseDatabase(url: string | undefined, ownerUrl: string | undefined): HubConfig['database'] {
  const parse = (name: Setting, text: string | undefined) =>
    parseServerUrl(name, text, /^postgres(?:ql)?:$/, 'postgresql://role:password@host:5432/database')
  const database = parse('MESHBOOK_DATABASE_URL', url)
  const owner = parse('MESHBOOK_DATABASE_OWNER_URL', ownerUrl)
  if (database === null && owner !== null)
    throw bad('MESHBOOK_DATABASE_URL', 'an address too, because MESHBOOK_DATABASE_OWNER_URL is set')
  if (database === null) return null
  if (!new URL(database).username) throw bad('MESHBOOK_DATABASE_URL', 'the name of the role in the address')
  return { url: database, ownerUrl: owner }
}

/** The message never repeats the value: it may hold a password. */
function parseServerUrl(name: Setting, text: string | undefined, protocol: RegExp, example: string): string | null {
  if (!text) return null
  if (protocol.test(URL.parse(text)?.protocol ?? '')) return text
  throw bad(name, `an address such as ${example}`)
}

/** The message never repeats the value: it is a secret. */
function parseBootstrapToken(text: string | undefined): string | null {
  if (!text) return null
  if (isApiToken(text)) return text
  throw bad('MESHBOOK_BOOTSTRAP_TOKEN', 'mb_ and at least 8 letters, digits, "-" or "_"')
}

/** How much shorter than the catalogue's the times of liveness are, for a program that has no other setting of a hub. */
export function timesDivisorOf(env: NodeJS.ProcessEnv): number {
  return parseDivisor(env.MESHBOOK_TIMES_DIVISOR || undefined)
}

function parseDivisor(text: string | undefined): number {
  const divisor = Number(text ?? 1)
  if (divisor >= 1 && divisor <= 10_000) return divisor
  throw bad('MESHBOOK_TIMES_DIVISOR', 'a number from 1 to 10000')
}

function parseRetention(text: string | undefined): number {
  const days = Number(text ?? 30)
  if (days > 0 && days <= 36_500) return days
  throw bad('MESHBOOK_RUN_RETENTION_DAYS', 'a number of days above 0')
}
