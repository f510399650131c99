/** Which hub this machine belongs to, and whether it takes direct connections, remembered between starts; no secret is in it. */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceKey } from '@meshbook/device/device-key.ts'
import * as v from 'valibot'
import type { DataFolder } from '../data-folder.ts'

/** `token` is what versions before this one kept: a device that has it is enrolled. */
const memorySchema = v.object({
  hub: v.string(),
  device: v.optional(v.string()),
  token: v.optional(v.string()),
  lan: v.optional(v.boolean()),
})
export type Memory = v.InferOutput<typeof memorySchema>

const fileOf = (folder: DataFolder): string => join(folder.root, 'up.json')

export async function recall(folder: DataFolder): Promise<Memory | undefined> {
  const text = await readFile(fileOf(folder), 'utf8').catch(() => '')
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), memorySchema), text)
  return parsed.success ? parsed.output : undefined
}

/** What is not said about direct connections stays as it was said before. */
export async function remember(folder: DataFolder, hub: string, device: string, said?: boolean): Promise<void> {
  const file = fileOf(folder)
  const lan = said ?? (await recall(folder))?.lan
  const memory: Memory = { hub, device, ...(lan === undefined ? {} : { lan }) }
  await writeFile(`${file}.new`, JSON.stringify(memory), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/** The hub that is named, else the one of before. */
export function hubOf(named: string | undefined, memory: Memory | undefined): string {
  const hub = (named ?? memory?.hub)?.replace(/\/+$/, '')
  if (!hub) throw new MeshError('BAD_CONFIG', { detail: 'which hub? Name it once with --hub URL' })
  if (!/^https?:$/.test(URL.parse(hub)?.protocol ?? ''))
    throw new MeshError('BAD_CONFIG', {
      detail: `--hub: expected an address like https://mesh.example, got ${hub.slice(0, 80)}`,
    })
  return hub
}

/** Whether this machine has been added at this hub, as far as it knows. */
export function hasJoined(hub: string, memory: Memory | undefined, key: DeviceKey): boolean {
  if (memory?.hub !== hub || key.revoked !== undefined) return false
  return memory.device === undefined ? memory.token !== undefined : memory.device === key.id
}
