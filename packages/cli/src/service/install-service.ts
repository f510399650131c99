/** Puts the service of this user where its system looks for it, starts it, and takes it away again. */
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, platform, tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DataFolder } from '../data-folder.ts'
import { printJson, say } from '../print.ts'
import { launchdLabel, launchdPlist, type Service, serviceName, systemdUnit, windowsTask } from './service-text.ts'

interface Outcome {
  /** What was written or removed. */
  file: string
  /** What the user should know besides. */
  hint?: string
}

interface ServiceManager {
  install(service: Service): Promise<Outcome>
  uninstall(): Promise<Outcome>
}

export async function installService(folder: DataFolder, { json }: { json?: boolean }): Promise<void> {
  const { file, hint } = await managerOf(platform()).install(serviceOf(folder))
  if (json) {
    printJson({ installed: true, file, ...(hint === undefined ? {} : { hint }) })
    return
  }
  say(`✔ Meshbook starts with every login (${file}).${hint === undefined ? '' : `\n  ${hint}`}`)
}

export async function uninstallService(_folder: DataFolder, { json }: { json?: boolean }): Promise<void> {
  const { file } = await managerOf(platform()).uninstall()
  if (json) {
    printJson({ installed: false, file })
    return
  }
  say(`✔ Meshbook does not start by itself any more (${file}). Its data and its keys stay.`)
}

export function serviceOf(folder: DataFolder): Service {
  const script = fileURLToPath(new URL('../main.ts', import.meta.url))
  return { node: process.execPath, script, data: folder.root, log: join(folder.root, 'service.log') }
}

function managerOf(system: NodeJS.Platform): ServiceManager {
  if (system === 'darwin') return launchd
  if (system === 'win32') return taskScheduler
  return systemd
}

const systemdFile = (): string =>
  join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'systemd/user', `${serviceName}.service`)

const systemd: ServiceManager = {
  async install(service) {
    const file = systemdFile()
    await put(file, systemdUnit(service))
    await call('systemctl', ['--user', 'daemon-reload'])
    await call('systemctl', ['--user', 'enable', `${serviceName}.service`])
    // One that runs by an older text begins anew.
    await call('systemctl', ['--user', 'restart', `${serviceName}.service`])
    const hint = `On a machine that nobody logs in to, it also needs: loginctl enable-linger ${userInfo().username}`
    return { file, hint }
  },
  async uninstall() {
    const file = systemdFile()
    await mustExist(file)
    await call('systemctl', ['--user', 'disable', '--now', `${serviceName}.service`])
    await rm(file)
    await call('systemctl', ['--user', 'daemon-reload'])
    // Otherwise the one that failed last stays in its lists.
    await isFine('systemctl', ['--user', 'reset-failed', `${serviceName}.service`])
    return { file }
  },
}

const launchdFile = (): string => join(homedir(), 'Library/LaunchAgents', `${launchdLabel}.plist`)
const launchdDomain = (): string => `gui/${userInfo().uid}`

const launchd: ServiceManager = {
  async install(service) {
    const file = launchdFile()
    await put(file, launchdPlist(service))
    const loaded = `${launchdDomain()}/${launchdLabel}`
    if (await isFine('launchctl', ['print', loaded])) await call('launchctl', ['bootout', loaded])
    await call('launchctl', ['bootstrap', launchdDomain(), file])
    return { file }
  },
  async uninstall() {
    const file = launchdFile()
    await mustExist(file)
    await call('launchctl', ['bootout', `${launchdDomain()}/${launchdLabel}`])
    await rm(file)
    return { file }
  },
}

const taskScheduler: ServiceManager = {
  async install(service) {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-task-'))
    try {
      const file = join(folder, 'task.xml')
      await writeFile(file, `\ufeff${windowsTask(service, userInfo().username)}`, 'utf16le')
      await call('schtasks', ['/Create', '/F', '/TN', serviceName, '/XML', file])
      await call('schtasks', ['/Run', '/TN', serviceName])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    return { file: `task ${serviceName}` }
  },
  async uninstall() {
    await isFine('schtasks', ['/End', '/TN', serviceName])
    await call('schtasks', ['/Delete', '/F', '/TN', serviceName])
    return { file: `task ${serviceName}` }
  },
}

async function put(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  } catch (cause) {
    throw new MeshError('READ_ONLY_FOLDER', { detail: file, cause })
  }
}

async function mustExist(file: string): Promise<void> {
  await access(file).catch((cause: unknown) => {
    throw new MeshError('NOT_FOUND', { detail: `no service is installed: ${file} is not there`, cause })
  })
}

async function isFine(command: string, args: string[]): Promise<boolean> {
  return call(command, args).then(
    () => true,
    () => false,
  )
}

function call(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: limits.requestMs }, (error, _stdout, stderr) => {
      if (!error) return resolve()
      const said = stderr.trim().split('\n').at(-1) ?? ''
      reject(
        new MeshError('BAD_CONFIG', { detail: `${command} ${args.join(' ')}: ${said || error.message}`, cause: error }),
      )
    })
  })
}
