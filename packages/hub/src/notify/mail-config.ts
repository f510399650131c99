/** Which mail server the hub sends by, from its settings (NT30). Reads no file. */
import { MeshError } from '@meshbook/core/errors.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import { type SecretSource, secretSource } from '../secret-source.ts'
import { type MailParty, parseMailParty } from './mail-address.ts'

export interface MailConfig {
  host: string
  port: number
  /** From the first byte, by STARTTLS, or not at all: on loopback, where the operator said so. */
  tls: 'first' | 'starttls' | 'off'
  user: string | null
  password: SecretSource
  from: MailParty
  caFile: { file: string; setting: string } | null
}

export const mailSettings = {
  MESHBOOK_SMTP_URL:
    'mail server for notifications: smtps://mail.example (TLS, port 465) or smtp://mail.example (STARTTLS, port 587)',
  MESHBOOK_SMTP_USER: 'name to sign in with there',
  MESHBOOK_SMTP_PASSWORD: 'its password',
  MESHBOOK_SMTP_PASSWORD_FILE: 'file with that password',
  MESHBOOK_SMTP_FROM: 'address that mails come from, such as Meshbook <mesh@example.org>',
  MESHBOOK_SMTP_CA_FILE: 'certificates (PEM) to trust beside the usual ones, for a mail server with its own authority',
  MESHBOOK_SMTP_TLS: 'off: speak to a mail server on this machine without TLS (on)',
} as const
type MailSetting = keyof typeof mailSettings
type Setting = (name: MailSetting) => string | undefined

/** Null: no mail is sent. */
export function parseMail(setting: Setting): MailConfig | null {
  const address = setting('MESHBOOK_SMTP_URL')
  if (!address) return refuseRest(setting)
  const url = URL.parse(address)
  const isPlain = url && !url.username && !url.password && /^\/?$/.test(url.pathname) && !url.search && !url.hash
  if (!isPlain || !/^smtps?:$/.test(url.protocol) || url.hostname === '')
    throw bad('MESHBOOK_SMTP_URL', 'an address such as smtps://mail.example:465, without name and password')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const user = setting('MESHBOOK_SMTP_USER') ?? null
  const password = secretSource(
    { name: 'MESHBOOK_SMTP_PASSWORD', text: setting('MESHBOOK_SMTP_PASSWORD') },
    { name: 'MESHBOOK_SMTP_PASSWORD_FILE', file: setting('MESHBOOK_SMTP_PASSWORD_FILE') },
  )
  if (user === null && password !== null) throw bad('MESHBOOK_SMTP_USER', 'a name, because a password is set')
  if (user !== null && password === null)
    throw bad(
      'MESHBOOK_SMTP_PASSWORD',
      'a password (or MESHBOOK_SMTP_PASSWORD_FILE), because MESHBOOK_SMTP_USER is set',
    )
  const from = parseMailParty(setting('MESHBOOK_SMTP_FROM') ?? '')
  if (!from) throw bad('MESHBOOK_SMTP_FROM', 'an address such as Meshbook <mesh@example.org>')
  const tls = tlsOf(setting('MESHBOOK_SMTP_TLS'), url.protocol, host)
  const file = setting('MESHBOOK_SMTP_CA_FILE')
  const caFile = file ? { file, setting: 'MESHBOOK_SMTP_CA_FILE' } : null
  return { host, port: Number(url.port) || (tls === 'first' ? 465 : 587), tls, user, password, from, caFile }
}

/** What would mean nothing is said, not left out. */
function refuseRest(setting: Setting): null {
  for (const name of Object.keys(mailSettings) as MailSetting[])
    if (setting(name)) throw bad('MESHBOOK_SMTP_URL', `the address of a mail server, because ${name} is set`)
  return null
}

function tlsOf(text: string | undefined, protocol: string, host: string): MailConfig['tls'] {
  if (text === undefined || text === 'on') return protocol === 'smtps:' ? 'first' : 'starttls'
  if (text !== 'off') throw bad('MESHBOOK_SMTP_TLS', 'on or off')
  if (protocol === 'smtps:' || !isLoopbackName(host))
    throw bad('MESHBOOK_SMTP_TLS', 'on: without TLS mail goes to smtp:// on this machine only')
  return 'off'
}

/** The message never repeats the value: it may be a password. */
function bad(name: MailSetting, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${name}: expected ${expected}` })
}
