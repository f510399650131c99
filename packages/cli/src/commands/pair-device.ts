/** `meshbook devices pair`: this machine is the screen that shows the code, and where the digits are entered. */
import { createInterface } from 'node:readline'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type Pairing, pairingSchema } from '@meshbook/core/pairing-api.ts'
import type { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { printJson, say } from '../print.ts'
import { sayCode } from '../sign-in/show-code.ts'
import { type ClientOptions, clientOf, optionsOf } from './options.ts'

export async function pairDevice(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  const pairing = await client.post('/pairings', {}, pairingSchema)
  show(pairing, options.json === true)
  const claimed = await until(client, pairing.id, 'waiting')
  if (claimed.state !== 'claimed') throw endedAs(claimed)
  const done = await enterDigits(client, claimed, options.json === true)
  if (done.state !== 'done') throw endedAs(done)
  if (options.json) printJson({ paired: true, device: done.device, name: done.newcomer?.name })
  else say(`✔ ${done.newcomer?.name} is one of your devices.`)
}

function show({ code = '', url = '', expiresAt }: Pairing, json: boolean): void {
  if (json) {
    printJson({ code, url, expiresAt })
    return
  }
  say('On the new device: scan this, open the address, or run `meshbook pair` with the code.')
  sayCode(code, url)
  say('Waiting for the new device, for two minutes…')
}

/** How the pairing stands once it is no longer `seen`. */
async function until(client: ApiClient, id: string, seen: Pairing['state']): Promise<Pairing> {
  for (;;) {
    const pairing = await client.get(`/pairings/${id}?seen=${seen}`, pairingSchema)
    if (pairing.state !== seen) return pairing
  }
}

async function enterDigits(client: ApiClient, { id, newcomer }: Pairing, json: boolean): Promise<Pairing> {
  if (json) printJson({ newcomer })
  else say(`\n${newcomer?.name} (key ${newcomer?.fingerprint}) wants to be one of your devices.`)
  const lines = createInterface({ input: process.stdin })
  try {
    const typed = lines[Symbol.asyncIterator]()
    for (;;) {
      if (!json) process.stderr.write('The two digits that it shows (Enter to refuse): ')
      const { value, done } = (await typed.next()) as IteratorResult<string, undefined>
      const digits = (value ?? '').replaceAll(/\s/g, '')
      if (done || digits === '') return await refuse(client, id)
      const answer = await confirm(client, id, digits)
      if (answer) return answer
    }
  } finally {
    lines.close()
  }
}

/** Nothing when the digits were wrong and may be entered again. */
async function confirm(client: ApiClient, id: string, digits: string): Promise<Pairing | undefined> {
  try {
    if (!/^\d{2}$/.test(digits)) throw new MeshError('PAIRING_DIGITS')
    return await client.post(`/pairings/${id}/confirm`, { digits }, pairingSchema)
  } catch (thrown) {
    const error = asMeshError(thrown)
    if (error.code !== 'PAIRING_DIGITS') throw error
    say(`✖ ${error.message}\n  ${error.entry.hint}`)
    return undefined
  }
}

async function refuse(client: ApiClient, id: string): Promise<never> {
  await client.send('DELETE', `/pairings/${id}?denied`)
  throw new MeshError('PAIRING_REFUSED', { detail: 'you refused it' })
}

function endedAs({ state }: Pairing): MeshError {
  if (state === 'expired') return new MeshError('PAIRING_CODE', { detail: 'nobody finished in time' })
  return new MeshError('PAIRING_REFUSED', {
    detail: state === 'denied' ? 'wrong digits, three times' : `it was ${state}`,
  })
}
