/** What `meshbook up` remembers between starts, so that a service needs no options; no secret is in it. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceKey } from '@meshbook/device/device-key.ts'
import { writeWhole } from '@meshbook/device/keys/whole-file.ts'
import * as v from 'valibot'
import type { DataFolder } from '../data-folder.ts'

/** `token` is what versions before this one kept: a device that has it is enrolled. */
const memorySchema = v.object({
  /** The hub that this machine belongs to; absent: it works alone. */
  hub: v.optional(v.string()),
  device: v.optional(v.string()),
  token: v.optional(v.string()),
  /** Of the device's own web app (LO9). */
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
  name: v.optional(v.string()),
  /** A setting of the environment that a service does not have. */
  keychain: v.optional(v.string()),
  /** Whether it takes direct connections of the same user's devices. */
  lan: v.optional(v.boolean()),
})
export type Memory = v.InferOutput<typeof memorySchema>

const fileOf = (folder: DataFolder): string => join(folder.root, 'up.json')

export async function recall(folder: DataFolder): Promise<Memory | undefined> {
  const text = await readFile(fileOf(folder), 'utf8').catch(() => '')
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), memorySchema), text)
  return parsed.success ? parsed.output : undefined
}

/** What is not named stays as it was. */
export async function remember(folder: DataFolder, changes: Omit<Memory, 'token'>): Promise<void> {
  const { token: _, ...before } = (await recall(folder)) ?? {}
  await writeWhole(fileOf(folder), JSON.stringify({ ...before, ...changes }))
}

/** The hub that is named, else the one of before; undefined where there is none. */
export function knownHub(named: string | undefined, memory: Memory | undefined): string | undefined {
  const hub = (named ?? memory?.hub)?.replace(/\/+$/, '')
  if (hub && !/^https?:$/.test(URL.parse(hub)?.protocol ?? ''))
    throw new MeshError('BAD_CONFIG', {
      detail: `--hub: expected an address like https://mesh.example, got ${hub.slice(0, 80)}`,
    })
  return hub
}

export function hubOf(named: string | undefined, memory: Memory | undefined): string {
  const hub = knownHub(named, memory)
  if (hub) return hub
  throw new MeshError('BAD_CONFIG', { detail: 'which hub? Name it once with --hub URL' })
}

/** Whether this machine has been added at this hub, as far as it knows. */
export function hasJoined(hub: string, memory: Memory | undefined, key: DeviceKey): boolean {
  if (memory?.hub !== hub || key.revoked !== undefined) return false
  return memory.device === undefined ? memory.token !== undefined : memory.device === key.id
}
