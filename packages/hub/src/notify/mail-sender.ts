/**
 * Sends one mail over one connection to the operator's server, with a deadline over all of it (NT30, NT33). What it says
 * and whether it is tried again is not known here. The mail library is loaded when the first mail is sent.
 */
import { rootCertificates } from 'node:tls'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { readSecret, readSettingFile } from '../secret-source.ts'
import { type Mail, mailHost } from './mail.ts'
import type { MailConfig } from './mail-config.ts'

/** What the server said. That it was not heard of is an error. */
export type MailAnswer =
  | { as: 'taken' }
  | { as: 'refused'; status: number; text: string }
  | { as: 'sign-in'; status: number }
  /** No TLS, or none that can be believed. */
  | { as: 'unsafe'; text: string }

export type SendMail = (mail: Mail, hubUrl: string, signal: AbortSignal) => Promise<MailAnswer>

export interface MailSender {
  /** The address that mails come from. */
  from: string
  send: SendMail
}

/** Reads the password; asks no server yet. */
export async function openMail(
  config: MailConfig | null,
  times: Pick<Limits, 'mailMs' | 'mailBytes' | 'mailAnswerChars'>,
): Promise<MailSender | null> {
  if (config === null) return null
  const pass = (await readSecret(config.password)) ?? undefined
  const extra = config.caFile && (await readSettingFile(config.caFile))
  const ca = extra === null ? undefined : [...rootCertificates, extra]
  const auth = config.user === null ? undefined : { user: config.user, pass }
  const send: SendMail = async (mail, hubUrl, signal) => {
    const [message, { default: SmtpConnection }] = await Promise.all([
      wholeMessage(config, mail, times.mailBytes),
      import('nodemailer/lib/smtp-connection'),
    ])
    const timeout = AbortSignal.timeout(times.mailMs)
    const connection = new SmtpConnection({
      ...{ host: config.host, port: config.port, name: mailHost(hubUrl) },
      ...{ secure: config.tls === 'first', requireTLS: config.tls === 'starttls', ignoreTLS: config.tls === 'off' },
      tls: { minVersion: 'TLSv1.2', ...(ca && { ca }) },
      ...{ connectionTimeout: times.mailMs, greetingTimeout: times.mailMs, socketTimeout: times.mailMs },
      ...{ dnsTimeout: times.mailMs, maxResponseSize: times.mailBytes, logger: false },
    })
    const talk = new Promise<void>((resolve, reject) => {
      const orReject = (next: () => void) => (error?: Error | null) => (error ? reject(error) : next())
      const envelope = { from: config.from.address, to: [mail.to] }
      const give = (): void => connection.send(envelope, message, orReject(resolve))
      connection.once('error', reject)
      // Whatever is heard after the end is about a connection that nobody waits for.
      connection.on('error', () => undefined)
      connection.once('end', () => reject(Object.assign(new Error('closed'), { code: 'ECONNECTION' })))
      const end = AbortSignal.any([signal, timeout])
      end.addEventListener('abort', () => reject(end.reason), { once: true })
      if (end.aborted) reject(end.reason)
      else connection.connect(orReject(() => (auth ? connection.login(auth, orReject(give)) : give())))
    })
    try {
      await talk
      connection.quit()
      return { as: 'taken' }
    } catch (thrown) {
      connection.close()
      return answerOf(thrown, { host: config.host, to: mail.to, isLate: timeout.aborted, chars: times.mailAnswerChars })
    }
  }
  return { from: config.from.address, send }
}

async function wholeMessage({ from }: MailConfig, mail: Mail, capBytes: number): Promise<Buffer> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer')
  const { to, subject, text, messageId, thread, date } = mail
  const composed = new MailComposer({
    ...{ from, to: { name: '', address: to }, subject, text, messageId, date },
    ...{ references: thread, inReplyTo: thread === messageId ? undefined : thread },
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  })
  const bytes = await composed.compile().build()
  if (bytes.length > capBytes) throw new MeshError('TOO_LARGE', { detail: `a mail of ${bytes.length} bytes` })
  return bytes
}

interface Heard {
  host: string
  to: string
  isLate: boolean
  chars: number
}

/** Errors of the library, by its codes. Of a refused sign-in nothing of the text is repeated. */
function answerOf(thrown: unknown, { host, to, isLate, chars }: Heard): MailAnswer {
  if (isLate || causeCode(thrown) === 'ETIMEDOUT') throw new MeshError('TIMEOUT', { detail: host, cause: thrown })
  const {
    code,
    responseCode: status = 0,
    response,
  } = thrown as { code?: string; responseCode?: number; response?: string }
  if (code === 'EAUTH' || code === 'ENOAUTH') return { as: 'sign-in', status }
  if (code === 'ETLS' || isOfTls(thrown)) return { as: 'unsafe', text: reasonOf(thrown) }
  if (status >= 400) return { as: 'refused', status, text: saidBy(response ?? '', to, chars) }
  throw new MeshError('UNREACHABLE', { detail: `${host}: ${reasonOf(thrown)}`, cause: thrown })
}

const isOfTls = (thrown: unknown): boolean =>
  /^(?:ERR_(?:TLS|SSL)|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(causeCode(thrown))

/** The library says what it was doing in `code`, and what went wrong in `originalCode`. */
function causeCode(thrown: unknown): string {
  const { code, originalCode } = thrown as { code?: string; originalCode?: string }
  return String(originalCode ?? code ?? '')
}

const reasonOf = (thrown: unknown): string => causeCode(thrown) || 'it does not answer'

/** Servers like to repeat the address; it is known to its user, and is stored sealed only. */
function saidBy(response: string, to: string, chars: number): string {
  const plain = response.replace(/[\p{C}\s]+/gu, ' ').trim()
  const pattern = new RegExp(to.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'gi')
  return Array.from(plain.replace(pattern, 'the address')).slice(0, chars).join('')
}
