/** Secrets in the system's keychain, by a process of its own that is ended when it does not answer in time. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MeshError } from '@meshbook/core/errors.ts'
import * as v from 'valibot'
import { answerSchema, type KeychainAnswer, type KeychainAsk } from './keychain-messages.ts'
import type { SecretName, SecretStore } from './secret-store.ts'

export interface Keychain {
  /** The program that talks to it. */
  program: string
  timeoutMs: number
}

export const keychainProgram = fileURLToPath(new URL('./keychain-main.ts', import.meta.url))
const mostAnswerChars = 64 * 1024

export class KeychainSecrets implements SecretStore {
  readonly kind = 'keychain'
  readonly #keychain: Keychain
  readonly #device: string

  constructor(keychain: Keychain, device: string) {
    this.#keychain = keychain
    this.#device = device
  }

  async read(name: SecretName): Promise<string | undefined> {
    return (await this.#ask({ do: 'read', account: this.#accountOf(name) })).secret
  }

  async write(name: SecretName, secret: string): Promise<void> {
    await this.#ask({ do: 'write', account: this.#accountOf(name), secret })
  }

  async remove(name: SecretName): Promise<void> {
    await this.#ask({ do: 'remove', account: this.#accountOf(name) })
  }

  #accountOf(name: SecretName): string {
    return `${this.#device} ${name}`
  }

  async #ask(ask: KeychainAsk): Promise<Extract<KeychainAnswer, { ok: true }>> {
    const answer = await askKeychain(this.#keychain, ask)
    if (answer.ok) return answer
    throw new MeshError('KEYCHAIN_SILENT', { detail: answer.why })
  }
}

/** Why no keychain can be used here, or nothing. */
export async function whyNoKeychain(
  keychain: Keychain,
  { platform, env }: Pick<NodeJS.Process, 'platform' | 'env'>,
): Promise<string | undefined> {
  const bus = env.DBUS_SESSION_BUS_ADDRESS || (env.XDG_RUNTIME_DIR && existsSync(`${env.XDG_RUNTIME_DIR}/bus`))
  if (platform === 'linux' && !bus) return 'there is no desktop session'
  const answer = await askKeychain(keychain, { do: 'probe', account: String(process.pid) })
  return answer.ok ? undefined : answer.why
}

export function askKeychain({ program, timeoutMs }: Keychain, ask: KeychainAsk): Promise<KeychainAnswer> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  return new Promise(resolve => {
    let text = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve({ ok: false, why: `no answer within ${timeoutMs / 1000} s` })
    }, timeoutMs)
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(0, mostAnswerChars)
    })
    child.on('error', error => resolve({ ok: false, why: error.message }))
    child.on('close', () => {
      clearTimeout(timer)
      resolve(parsed(text))
    })
    // A program that ended before it read all is told by its close.
    child.stdin.on('error', () => undefined)
    child.stdin.end(JSON.stringify(ask))
  })
}

function parsed(text: string): KeychainAnswer {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), answerSchema), text)
  return result.success ? result.output : { ok: false, why: 'it ended without an answer' }
}
