/**
 * A worker: a device that a hub has made for one project (hub/src/compute/SPEC.md, CP14, CP16, CP30). It joins with its
 * token, attaches the project, runs what it is given, and ends when it is told or cannot reach its hub any more.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { joinedWorkerSchema } from '@meshbook/core/compute-api.ts'
import { isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits, scaledTimes } from '@meshbook/core/limits.ts'
import type { SnapshotUse } from '@meshbook/core/snapshot.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { DeviceKey } from '@meshbook/device/device-key.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import * as v from 'valibot'
import { bridgeTo, type SocketBridge } from './socket-bridge.ts'

export interface WorkerOptions {
  /** Where the hub listens for workers. */
  socket: string
  token: string
  folder: string
  timesDivisor: number
  snapshots: SnapshotUse
  log(line: string): void
}

export interface Worker {
  device: Device
  /** Resolves when the hub has shut it out, or could not be reached for too long. */
  alone: Promise<string>
  close(): Promise<void>
}

const keychain = { use: 'off', because: 'it is a worker' } as const

export async function runWorker(options: WorkerOptions): Promise<Worker> {
  const bridge = await bridgeTo(options.socket)
  try {
    return await startAt(bridge, options)
  } catch (thrown) {
    bridge.close()
    throw thrown
  }
}

async function startAt(
  bridge: SocketBridge,
  { token, folder, timesDivisor, snapshots, log }: WorkerOptions,
): Promise<Worker> {
  const deviceFolder = join(folder, 'device')
  await mkdir(deviceFolder, { recursive: true, mode: 0o700 })
  await mkdir(join(folder, 'home'), { recursive: true, mode: 0o700 })
  const key = await DeviceKey.load(deviceFolder, Date.now, systemRandom, keychain)
  const { project } = await joinHub(bridge.url, token, key.publicKey)
  const times = scaledTimes(timesDivisor)
  const ports = { now: Date.now, random: systemRandom }
  const kernels = createKernelSessions({ folder: join(folder, 'sessions'), ...ports, limits: times })
  const device = await startDevice(
    {
      folder: deviceFolder,
      name: `Container of ${project.name}`.slice(0, 100),
      kind: 'worker',
      hub: { url: bridge.url },
      limits: times,
      kernels,
      projectsFolder: join(folder, 'projects'),
      keychain,
      snapshots: { use: snapshots },
    },
    { ...ports, log: linesTo(log) },
  )
  const alone = untilAlone(device)
  await device.attach({ project, folder: join(folder, 'projects', 'project') })
  return {
    device,
    alone,
    async close() {
      await device.saveSessions()
      // Before the device: how the runs end still goes into the documents and to the hub.
      await kernels.stopAll()
      await device.close()
      bridge.close()
    },
  }
}

/** The hub may be away for a moment, as when it is restarted: that uses the token not up. */
async function joinHub(
  url: string,
  token: string,
  publicKey: string,
): Promise<v.InferOutput<typeof joinedWorkerSchema>> {
  const deadline = performance.now() + limits.workerStartMs
  for (;;) {
    try {
      return await askToJoin(url, { token, publicKey })
    } catch (thrown) {
      if (thrown instanceof MeshError || performance.now() > deadline) throw thrown
    }
    await sleep(limits.reconnectMinMs)
  }
}

async function askToJoin(url: string, body: object): Promise<v.InferOutput<typeof joinedWorkerSchema>> {
  const response = await fetch(`${url}/api/v1/workers/self`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(limits.requestMs),
  })
  const answer: unknown = await response.json()
  if (response.ok) return v.parse(joinedWorkerSchema, answer)
  const { code, detail } = answer as { code?: unknown; detail?: string }
  throw new MeshError(isErrorCode(code) ? code : 'UNREACHABLE', { detail: detail ?? `HTTP ${response.status}` })
}

function untilAlone(device: Device): Promise<string> {
  return new Promise(resolve => {
    let timer: NodeJS.Timeout | undefined
    const look = ({ link }: ReturnType<Device['status']>): void => {
      if (link.state === 'refused') resolve('the hub has shut this worker out')
      if (link.state === 'online') {
        clearTimeout(timer)
        timer = undefined
      } else timer ??= setTimeout(() => resolve('the hub could not be reached'), limits.workerAloneMs).unref()
    }
    device.onStatus(look)
    look(device.status())
  })
}

function linesTo(log: (line: string) => void) {
  const write = (level: string) => (detail: object, message: string) => {
    const error = (detail as { err?: unknown }).err
    log(`${level}: ${message}${error instanceof Error ? `: ${error.message}` : ''}`)
  }
  return { debug: () => undefined, info: write('info'), warn: write('warn') }
}
