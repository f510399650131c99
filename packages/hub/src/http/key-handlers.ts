/** What the routes of the vault do (`vault/SPEC.md`). */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { modelWires } from '@meshbook/core/model-wires.ts'
import type { newKeySchema, StoredKey } from '@meshbook/core/tasks-api.ts'
import { pageOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import { isProviderAddress } from '../gateway/models-config.ts'
import type { Parts } from '../parts.ts'
import { Secret } from '../vault/secret.ts'
import { param, type UserAsk } from './route.ts'

export async function listKeys({ vault }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return pageOf(await vault.list(who.org), null)
}

export async function putKey({ vault }: Parts, ask: UserAsk<InferOutput<typeof newKeySchema>>): Promise<StoredKey> {
  const { kind, at = null, value } = ask.body
  if (Buffer.byteLength(value) > limits.vaultValueBytes)
    throw new MeshError('TOO_LARGE', { detail: `a value may have ${limits.vaultValueBytes} bytes` })
  const isModels = modelWires.some(wire => wire === kind)
  // It goes into a header of a request.
  if (isModels && !/^[\x21-\x7e]+$/.test(value))
    throw new MeshError('BAD_REQUEST', { detail: 'a key of a provider has no spaces and only characters of ASCII' })
  if (at !== null && !(isModels ? isProviderAddress(at) : isHost(at)))
    throw new MeshError('BAD_REQUEST', {
      detail: isModels
        ? 'at: expected an http(s) address'
        : 'at: expected a host such as github.com, or its https address',
    })
  return vault.set(ask, { name: nameOf(ask), kind, at, secret: new Secret(value) })
}

export function removeKey({ vault }: Parts, ask: UserAsk<undefined>): Promise<void> {
  return vault.remove(ask, nameOf(ask))
}

export function turnKeys({ vault }: Parts, ask: UserAsk<undefined>): Promise<void> {
  return vault.turn(ask)
}

function nameOf(ask: UserAsk<unknown>): string {
  const name = param(ask, 'name')
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return name
  throw new MeshError('BAD_REQUEST', { detail: 'a name of a key has letters, digits, ".", "_" and "-"' })
}

function isHost(text: string): boolean {
  const host = text.replace(/^https?:\/\//, '').replace(/\/$/, '')
  return /^[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(:\d{1,5})?$/.test(host)
}
