/** The device alone, joined to a hub elsewhere: what `meshbook up` runs. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listOf, projectSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { systemPrograms } from '@meshbook/device/link/sleep-notice.ts'
import * as v from 'valibot'
import { ApiClient } from './api-client.ts'
import { serveControl } from './control.ts'
import { controlHandlers, type HubAccess } from './control-handlers.ts'
import type { DataFolder } from './data-folder.ts'
import { openLog } from './log.ts'
import { machineName, privateFolder } from './mesh.ts'

export interface DaemonOptions {
  folder: DataFolder
  /** File that remembers the hub and the token between starts; only its user can read it. */
  memory: string
  hub: string | undefined
  name: string | undefined
  token: string | undefined
}

const memorySchema = v.object({ hub: v.string(), token: v.string() })
type Memory = v.InferOutput<typeof memorySchema>

export interface Daemon {
  device: Device
  hub: string
  close(): Promise<void>
}

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  await privateFolder(options.folder.root)
  const memory = await recall(options)
  const client = new ApiClient(memory)
  const ports = { now: Date.now, random: systemRandom, log: openLog(options.folder.root) }
  const kernels = createKernelSessions({
    folder: join(options.folder.device, 'sessions'),
    now: ports.now,
    random: ports.random,
    limits,
  })
  const register = async (publicKey: string, name: string, kind: string) => {
    const { id } = await client.post('/devices', { publicKey, name, kind }, v.object({ id: v.string() }))
    return parseId('device', id)
  }
  const name = options.name ?? machineName()
  const device = await startDevice(
    {
      folder: options.folder.device,
      name,
      kind: 'desktop',
      hub: { url: memory.hub },
      limits,
      kernels,
      projectsFolder: options.folder.projects,
      register,
    },
    { ...ports, sleep: systemPrograms },
  )
  const control = await serveControl(options.folder.control, controlHandlers(accessTo(memory, client), device))
  await writeFile(options.memory, JSON.stringify(memory), { mode: 0o600 })
  return {
    device,
    hub: memory.hub,
    async close() {
      await control.close()
      await device.close()
      await kernels.close()
    },
  }
}

async function recall(options: DaemonOptions): Promise<Memory> {
  const known = v.safeParse(memorySchema, JSON.parse(await readFile(options.memory, 'utf8').catch(() => 'null')))
  const hub = (options.hub ?? (known.success ? known.output.hub : undefined))?.replace(/\/$/, '')
  if (!hub) throw new MeshError('BAD_CONFIG', { detail: 'which hub? Name it once with --hub URL' })
  const token = options.token ?? (known.success && known.output.hub === hub ? known.output.token : undefined)
  if (!token)
    throw new MeshError('UNAUTHENTICATED', {
      detail: 'the first time, an API token of the hub is needed in MESHBOOK_TOKEN',
    })
  return { hub, token }
}

function accessTo(memory: Memory, client: ApiClient): HubAccess {
  return {
    url: memory.hub,
    token: async () => memory.token,
    signInLink: async () => {
      throw new MeshError('FORBIDDEN', { detail: `sign-in links are made where the hub ${memory.hub} runs` })
    },
    project: async name => {
      const { items } = await client.get('/projects', listOf(projectSchema))
      return items.find(item => item.name === name) ?? client.post('/projects', { name }, projectSchema)
    },
  }
}
