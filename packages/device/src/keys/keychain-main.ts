/**
 * A process that asks the system's keychain one thing. A keychain may wait for a person forever; a process that does can
 * be ended, a thread of the device cannot. Secrets come and go by standard input and output, never as arguments.
 */
import { randomUUID } from 'node:crypto'
import { AsyncEntry } from '@napi-rs/keyring'
import * as v from 'valibot'
import { askSchema, type KeychainAnswer, type KeychainAsk } from './keychain-messages.ts'

const service = 'meshbook'
/** Not the keyring of the Linux kernel, which forgets at a restart. */
const entry = (account: string): AsyncEntry => new AsyncEntry(service, account, { linux: { store: 'secret-service' } })

async function answer(ask: KeychainAsk): Promise<KeychainAnswer> {
  switch (ask.do) {
    case 'probe':
      return probe(`probe ${ask.account} ${randomUUID()}`)
    case 'read': {
      const secret = await entry(ask.account).getPassword()
      return { ok: true, ...(typeof secret === 'string' ? { secret } : {}) }
    }
    case 'write':
      await entry(ask.account).setPassword(ask.secret)
      return { ok: true }
    case 'remove':
      await entry(ask.account).deleteCredential()
      return { ok: true }
  }
}

/** Only what could be written, read and deleted can be relied on. */
async function probe(account: string): Promise<KeychainAnswer> {
  const wanted = randomUUID()
  await entry(account).setPassword(wanted)
  const found = await entry(account).getPassword()
  await entry(account).deleteCredential()
  return found === wanted ? { ok: true } : { ok: false, why: 'the keychain does not keep what it is given' }
}

let text = ''
for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
const done = await answer(v.parse(v.pipe(v.string(), v.parseJson(), askSchema), text)).catch(
  (error: unknown): KeychainAnswer => ({ ok: false, why: error instanceof Error ? error.message : String(error) }),
)
process.stdout.write(`${JSON.stringify(done)}\n`)
