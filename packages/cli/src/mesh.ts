/**
 * The composition root of `start` and `up`: a hub, a device, or both in one process, and the control socket by which
 * other commands reach them. Owns the order of starting and stopping; knows nothing of HTTP or documents.
 */
import { existsSync } from 'node:fs'
import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Project } from '@meshbook/core/api.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { scaledTimes } from '@meshbook/core/limits.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { systemPrograms } from '@meshbook/device/link/sleep-notice.ts'
import { storedRecipient } from '@meshbook/hub/backup/recovery-key.ts'
import type { HubConfig } from '@meshbook/hub/config.ts'
import { type Hub, startHub } from '@meshbook/hub/hub.ts'
import { serveControl } from './control.ts'
import { controlHandlers, type HubAccess, projectInfo } from './control-handlers.ts'
import type { DataFolder } from './data-folder.ts'
import { keychainUse } from './keychain-use.ts'
import { openLog } from './log.ts'
import { snapshotUse } from './snapshot-use.ts'
import { machineName, privateFolder } from './this-machine.ts'

const demoFolder = new URL('../../../demo', import.meta.url).pathname

/** Where a newcomer begins; undefined once the demo's notebook is gone. */
export function firstPage(folder: DataFolder): string | undefined {
  return existsSync(join(folder.projects, 'demo/welcome.md')) ? '/p/demo/welcome.md' : undefined
}

export interface Mesh {
  hub: Hub
  device: Device
  close(): Promise<void>
}

/** Hub and this machine's device in one process, talking over the same socket as any other device. */
export async function startMesh(config: HubConfig, folder: DataFolder, { lan = false } = {}): Promise<Mesh> {
  await privateFolder(folder.root)
  const log = openLog(folder.root)
  const ports = { now: Date.now, random: systemRandom, log }
  const hub = await startHub(config, ports)
  const closers: (() => Promise<void>)[] = [() => hub.close()]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const access = accessTo(hub, folder)
    const limits = scaledTimes(config.timesDivisor)
    const kernels = createKernelSessions({
      folder: join(folder.device, 'sessions'),
      now: ports.now,
      random: ports.random,
      limits,
    })
    const device = await startDevice(
      {
        folder: folder.device,
        name: machineName(),
        kind: 'desktop',
        hub: { url: hub.localUrl, token: () => access.token() },
        limits,
        kernels,
        projectsFolder: folder.projects,
        keychain: keychainUse(),
        snapshots: snapshotUse(),
        ...(lan ? { lan: {} } : {}),
        recovery: () => storedRecipient(config.dataFolder),
        register: (key, name, kind) => hub.registerDevice(key, name, kind),
      },
      { ...ports, sleep: systemPrograms },
    )
    closers.push(() => device.close())
    // Before the device: how the runs end still goes into the documents and to the hub.
    closers.push(() => kernels.stopAll())
    // Before their kernels end, so that the next run goes on from there.
    closers.push(() => device.saveSessions())
    const demo = await hub.ensureProject('demo')
    await attachDemo(device, demo, join(folder.projects, 'demo'), await hub.hasDocuments(demo.id))
    const control = await serveControl(folder.control, controlHandlers(access, device))
    closers.push(() => control.close())
    return { hub, device, close }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * The demo's files are copied once; afterwards the folder is the user's, also when it is empty. Where the hub has the
 * documents and only this machine is new, as after a restore, they come from there.
 */
async function attachDemo(device: Device, project: Project, folder: string, isUsed: boolean): Promise<void> {
  if (device.attachments().some(attachment => attachment.project.id === project.id)) return
  if (!isUsed && (await isMissing(folder))) await cp(demoFolder, folder, { recursive: true })
  await device.attach({ project: projectInfo(project), folder })
}

async function isMissing(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0
  } catch {
    return true
  }
}

/** One token serves every command for as long as this process lives. */
function accessTo(hub: Hub, folder: DataFolder): HubAccess {
  let held: Promise<string> | undefined
  const token = () => (held ??= hub.commandLineToken())
  return {
    url: hub.localUrl,
    token,
    local: async () => ({ url: hub.localUrl, token: await token() }),
    signInLink: to => hub.signInLink(to ?? firstPage(folder)),
    project: name => hub.ensureProject(name),
  }
}
