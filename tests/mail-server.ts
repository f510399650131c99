/** A mail server that speaks SMTP over real sockets, with STARTTLS, sign-in, and refusals as they are asked for. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

interface Teardown {
  after(undo: () => unknown): void
}

export interface ReceivedMail {
  from: string
  to: string[]
  isEncrypted: boolean
  user: unknown
  /** As it came. */
  raw: string
  /** Lower-case names; what was folded is one line. */
  headers: Record<string, string>
  /** What a reader sees. */
  subject: string
  text: string
}

/** What becomes of the next mail: a refusal at its recipient or after its data, or no answer at all. */
export type MailTrouble = { at: 'recipient' | 'data'; status: number; text: string } | 'silence'

export interface MailServer {
  port: number
  received: ReceivedMail[]
  troubles: MailTrouble[]
  /** Connections so far. */
  connections: number
}

export interface MailServerOptions {
  user?: { name: string; password: string }
  tls?: { key: string; cert: string; first?: boolean }
}

export async function startMailServer(t: Teardown, { user, tls }: MailServerOptions = {}): Promise<MailServer> {
  const own: MailServer = { port: 0, received: [], troubles: [], connections: 0 }
  const options: SMTPServerOptions = {
    ...{ disableReverseLookup: true, authOptional: user === undefined, closeTimeout: 100 },
    ...(tls
      ? { key: tls.key, cert: tls.cert, secure: tls.first === true }
      : { disabledCommands: ['STARTTLS'], allowInsecureAuth: true }),
    onConnect(_session, done) {
      own.connections++
      done()
    },
    onAuth({ username, password }, _session, done) {
      if (username === user?.name && password === user?.password) done(null, { user: username })
      else done(failing(535, `5.7.8 ${password} is not the password of ${username}`))
    },
    onRcptTo(_address, _session, done) {
      const [trouble] = own.troubles
      if (trouble === 'silence') return void own.troubles.shift()
      if (trouble?.at !== 'recipient') return done()
      own.troubles.shift()
      done(failing(trouble.status, trouble.text))
    },
    onData(stream, session, done) {
      stream.toArray().then((pieces: Buffer[]) => {
        const trouble = own.troubles.shift()
        if (trouble === 'silence') return
        if (trouble) return done(failing(trouble.status, trouble.text))
        const { mailFrom, rcptTo } = session.envelope
        own.received.push({
          ...mailIn(Buffer.concat(pieces).toString('latin1')),
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          isEncrypted: session.secure,
          user: session.user,
        })
        done()
      }, done)
    },
  }
  const server = new SMTPServer(options)
  // A client that does not believe the certificate breaks off.
  server.on('error', () => undefined)
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  own.port = (listening.address() as AddressInfo).port
  t.after(() => new Promise<void>(resolve => server.close(resolve)))
  return own
}

const failing = (responseCode: number, text: string): Error => Object.assign(new Error(text), { responseCode })

function mailIn(raw: string): Pick<ReceivedMail, 'raw' | 'headers' | 'subject' | 'text'> {
  const end = raw.indexOf('\r\n\r\n')
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = Object.fromEntries(
    lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const body = Buffer.from(raw.slice(end + 4), 'latin1')
  return {
    raw,
    headers,
    subject: wordsIn(headers.subject ?? ''),
    text: decoded(body, headers['content-transfer-encoding']),
  }
}

function decoded(body: Buffer, encoding = '7bit'): string {
  const text = body.toString('latin1')
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString('utf8').replaceAll('\r\n', '\n')
  return (encoding === 'quoted-printable' ? unquoted(text) : body.toString('utf8')).replaceAll('\r\n', '\n')
}

const unquoted = (text: string): string =>
  Buffer.from(
    text
      .replace(/=\r\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8')

/** Encoded words of RFC 2047. */
function wordsIn(text: string): string {
  return text
    .replace(/(?<==)\?= (?==\?)/g, '?=')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=\s*(?==\?|$)?/gi, (_, kind: string, data: string) =>
      kind.toLowerCase() === 'b' ? Buffer.from(data, 'base64').toString('utf8') : unquoted(data.replace(/_/g, ' ')),
    )
}
