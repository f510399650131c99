import { setTimeout as sleep } from 'node:timers/promises'
import { type ProjectsPolicy, projectsPolicies } from '@meshbook/core/api.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { deviceInfoSchema } from '@meshbook/core/messages.ts'
import type { DeviceKey } from '@meshbook/device/device-key.ts'
import { writeProjectsPolicy } from '@meshbook/device/materialise/policy-file.ts'
import { Command, InvalidArgumentError, Option } from 'commander'
import * as v from 'valibot'
import { ApiClient } from '../api-client.ts'
import { control } from '../control.ts'
import { type Daemon, startDaemon } from '../daemon.ts'
import { type DataFolder, dataFolder } from '../data-folder.ts'
import { hasBrowser, openBrowser } from '../open-browser.ts'
import { printJson, say } from '../print.ts'
import { installService, uninstallService } from '../service/install-service.ts'
import { HubDoor } from '../sign-in/hub-door.ts'
import { joinByGrant } from '../sign-in/join-by-grant.ts'
import { joinByRedirect } from '../sign-in/join-by-redirect.ts'
import { hasJoined, knownHub, type Memory, recall, remember } from '../sign-in/memory.ts'
import { keyOf, newcomer, renewedKey } from '../sign-in/newcomer.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { optionsOf } from './options.ts'
import { showGrant } from './pair.ts'

interface UpOptions {
  hub?: string
  data?: string
  name?: string
  lan?: boolean
  port?: string
  projects?: ProjectsPolicy
  json?: boolean
  browser: boolean
  install?: boolean
  uninstall?: boolean
}

export function upCommand(): Command {
  return new Command('up')
    .description(
      'make this machine a device: of a hub, whose projects sync and run here, or on its own until there is one',
    )
    .option('--hub <url>', 'the hub to join; remembered. Without one the machine works alone, and what it has is kept')
    .option('--name <name>', 'what this machine is called on the other devices')
    .option('--port <port>', 'of the web app on this machine (default: the one of before)', wholePort)
    .addOption(
      new Option(
        '--projects <which>',
        'which projects get a folder in ~/Meshbook by themselves; remembered (default ask)',
      ).choices(projectsPolicies),
    )
    .option('--data <folder>', 'where everything is kept (default ~/.meshbook, or MESHBOOK_DATA)')
    .option('--lan', 'let your other devices on this network connect directly; remembered')
    .option('--no-lan', 'no longer')
    .option('--no-browser', 'sign in with a code that is approved elsewhere, not in a browser here')
    .option('--install', 'sign in, then start with every login as a service of this user')
    .option('--uninstall', 'remove that service; everything else stays')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nThe first time it signs in: in the browser of this machine, or with a code. MESHBOOK_TOKEN with an API token does without either.\n\nExamples:\n  $ meshbook up                                   # without a hub\n  $ meshbook up --hub https://mesh.example --projects all\n  $ meshbook up --install',
    )
    .action(async (_options, command: Command) => up(optionsOf<UpOptions>(command)))
}

async function up(options: UpOptions): Promise<void> {
  if (options.install && options.uninstall)
    throw new MeshError('BAD_CONFIG', { detail: '--install or --uninstall, not both' })
  const folder = dataFolder(options.data)
  if (options.uninstall) return uninstallService(folder, options)
  if (options.projects && (await isSetInRunning(folder, options.projects, options))) return
  const token = process.env.MESHBOOK_TOKEN || undefined
  const memory = await recall(folder)
  process.env.MESHBOOK_KEYCHAIN ??= memory?.keychain ?? 'auto'
  const hub = await joined(folder, options, token, memory)
  if (options.name) await remember(folder, { name: options.name })
  if (options.lan !== undefined) await remember(folder, { lan: options.lan })
  if (options.projects) await writeProjectsPolicy(folder.device, options.projects)
  if (options.install) {
    const port = Number(options.port ?? 0)
    await remember(folder, { keychain: process.env.MESHBOOK_KEYCHAIN, ...(port !== 0 && { port }) })
    return installService(folder, options)
  }
  const stop = stopSignal()
  const lan = options.lan ?? memory?.lan ?? false
  const name = options.name ?? memory?.name
  const port = options.port === undefined ? undefined : Number(options.port)
  const daemon = await startDaemon({ folder, hub, name, token, lan, port })
  greet(daemon, hub, options)
  const told = shutOut(daemon.device).then(error => {
    say(`✖ ${error.message}\n  ${error.entry.hint}`)
    process.exitCode = error.entry.exit
  })
  await closeAfter(Promise.race([stop, told]), () => daemon.close(), options.json === true)
}

/** When this device is shut out, or was before anybody asked: it has nothing to do until somebody pairs it again. */
function shutOut(device: Pick<Daemon['device'], 'status' | 'onStatus'>): Promise<MeshError> {
  return new Promise(resolve => {
    const look = ({ link }: ReturnType<typeof device.status>) => {
      if (link.state === 'refused') resolve(link.error)
    }
    device.onStatus(look)
    look(device.status())
  })
}

function greet({ device, url, taken }: Daemon, hub: string | undefined, { json }: UpOptions): void {
  if (json) {
    printJson({ ready: true, device: device.id, hub: hub ?? null, url, ...(taken !== undefined && { taken }) })
    return
  }
  say(
    hub
      ? `This machine is a device of ${hub}; its ${device.keys}.`
      : `This machine works without a hub; its ${device.keys}.`,
  )
  say(`Its web app, with or without the hub: meshbook open   (${url})`)
  if (taken !== undefined)
    say(
      `  Port ${taken}, where it was before, is in use by another program. Bookmarks, and edits that a browser still keeps, belong to http://127.0.0.1:${taken}: free that port and start again, or take this one for good with --port ${new URL(url).port}.`,
    )
  say(
    hub
      ? 'Attach a folder with: meshbook attach FOLDER'
      : 'Join a hub later with: meshbook up --hub URL; everything here goes along.',
  )
}

/** Where one runs already, only the policy is set. */
async function isSetInRunning(folder: DataFolder, policy: ProjectsPolicy, { json }: UpOptions): Promise<boolean> {
  try {
    await control(folder.control, '/policy', { policy })
  } catch (thrown) {
    if (asMeshError(thrown).code === 'UNREACHABLE') return false
    throw thrown
  }
  if (json) printJson({ projects: policy })
  else say(`✔ Set for the Meshbook that runs on this machine: --projects ${policy}`)
  return true
}

/** The hub that this machine belongs to, once it does; undefined where there is none. */
async function joined(
  folder: DataFolder,
  options: UpOptions,
  token: string | undefined,
  memory: Memory | undefined,
): Promise<string | undefined> {
  const hub = knownHub(options.hub, memory)
  const key = await keyOf(folder)
  if (hub === undefined || hasJoined(hub, memory, key)) return hub
  const fresh = await renewedKey(folder)
  if (token !== undefined) return options.install ? registered(folder, hub, token, fresh, options) : hub
  const door = new HubDoor(hub)
  const device = newcomer(fresh, options.name)
  if (options.browser && hasBrowser()) await joinByRedirect(door, fresh, device, url => openPage(url, options))
  else await joinByGrant(door, device, grant => showGrant(grant, options), sleep)
  await remember(folder, { hub, device: fresh.id })
  return hub
}

/** A service has no token: what it is for is done now. */
async function registered(
  folder: DataFolder,
  hub: string,
  token: string,
  key: DeviceKey,
  options: UpOptions,
): Promise<string> {
  const { publicKey, name, kind } = newcomer(key, options.name)
  await new ApiClient({ hub, token }).post('/devices', { publicKey, name, kind }, v.pick(deviceInfoSchema, ['id']))
  await remember(folder, { hub, device: key.id })
  return hub
}

function openPage(url: string, { json }: UpOptions): void {
  if (json) printJson({ open: url })
  else say(`Confirm in the browser that this machine is yours. If none opens, use this address:\n  ${url}\n`)
  openBrowser(url)
}

function wholePort(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return text
  throw new InvalidArgumentError('expected a port')
}
