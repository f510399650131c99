/** The log: one JSON object a line. Secrets never reach it: headers, bodies and query strings are not logged at all, and these names are blanked (S7). */
import pino, { type DestinationStream, type Logger } from 'pino'

export type Log = Logger

const secretNames = [
  'authorization',
  'cookie',
  'token',
  'ticket',
  'secret',
  'password',
  'accessKeyId',
  'secretAccessKey',
  'apiKey',
  'x-api-key',
]

export function newLog(level: string, destination?: DestinationStream): Log {
  const redact = { paths: secretNames.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' }
  const options = { level, redact, base: null, serializers: { err: errorWithoutSecrets } }
  return destination ? pino(options, destination) : pino(options)
}

/** An error with the chain of its causes. The path of a request stands in no message, so a ticket cannot either. */
function errorWithoutSecrets(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return String(thrown)
  const { name, message, stack, cause } = thrown
  return {
    name,
    message: withoutSecrets(message),
    stack: withoutSecrets(stack ?? ''),
    ...(cause === undefined ? {} : { cause: errorWithoutSecrets(cause) }),
  }
}

/** Tokens, tickets and passwords of addresses inside a longer text, such as the message of a library's error. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/(\w+:\/\/[^:@/\s]*:)[^@/\s]+@/g, '$1[redacted]@')
    .replace(/\b(mb|mt)_[A-Za-z0-9_-]{8,}/g, '$1_[redacted]')
    .replace(/\b(sk-|gh[opsu]_|github_pat_|glpat-)[A-Za-z0-9_-]{8,}/g, '$1[redacted]')
    .replace(/(?<![\w.])((?:ticket|code|state)=)[^&\s"]+/g, '$1[redacted]')
}
