import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { Command, InvalidArgumentError } from 'commander'
import { startDaemon } from '../daemon.ts'
import { type DataFolder, dataFolder } from '../data-folder.ts'
import { hasBrowser, openBrowser } from '../open-browser.ts'
import { printJson, say } from '../print.ts'
import { installService, uninstallService } from '../service/install-service.ts'
import { HubDoor } from '../sign-in/hub-door.ts'
import { joinByGrant } from '../sign-in/join-by-grant.ts'
import { joinByRedirect } from '../sign-in/join-by-redirect.ts'
import { hasJoined, hubOf, recall, remember } from '../sign-in/memory.ts'
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
  json?: boolean
  browser: boolean
  install?: boolean
  uninstall?: boolean
}

export function upCommand(): Command {
  return new Command('up')
    .description('make this machine a device of a hub: its projects sync, its kernels run what the mesh asks for')
    .option('--hub <url>', 'the hub to join; remembered after the first time')
    .option('--name <name>', 'what this machine is called on the other devices')
    .option('--port <port>', 'of the web app on this machine (default any that is free)', wholePort)
    .option('--data <folder>', 'where everything is kept (default ~/.meshbook, or MESHBOOK_DATA)')
    .option('--lan', 'let your other devices on this network connect directly; remembered')
    .option('--no-lan', 'no longer')
    .option('--no-browser', 'sign in with a code that is approved elsewhere, not in a browser here')
    .option('--install', 'sign in, then start with every login as a service of this user')
    .option('--uninstall', 'remove that service; everything else stays')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nThe first time it signs in: in the browser of this machine, or with a code. MESHBOOK_TOKEN with an API token does without either.\n\nExamples:\n  $ meshbook up --hub https://mesh.example\n  $ meshbook up --install',
    )
    .action(async (_options, command: Command) => up(optionsOf<UpOptions>(command)))
}

async function up(options: UpOptions): Promise<void> {
  if (options.install && options.uninstall)
    throw new MeshError('BAD_CONFIG', { detail: '--install or --uninstall, not both' })
  const folder = dataFolder(options.data)
  if (options.uninstall) return uninstallService(folder, options)
  const token = process.env.MESHBOOK_TOKEN || undefined
  const hub = await joined(folder, options, token)
  const memory = await recall(folder)
  const lan = options.lan ?? memory?.lan ?? false
  if (memory?.device !== undefined) await remember(folder, hub, memory.device, lan)
  if (options.install) return installService(folder, options)
  const stop = stopSignal()
  const daemon = await startDaemon({ folder, hub, name: options.name, token, lan, port: Number(options.port ?? 0) })
  if (options.json) printJson({ ready: true, device: daemon.device.id, hub, url: daemon.url })
  else
    say(
      `This machine is a device of ${hub}; its ${daemon.device.keys}.\nIts web app, with or without the hub: meshbook link\nAttach a folder with: meshbook attach FOLDER`,
    )
  const tell = daemon.device.onStatus(({ link }) => {
    if (link.state !== 'refused') return
    tell()
    say(`✖ ${link.error.message}\n  ${link.error.entry.hint}`)
    process.exitCode = link.error.entry.exit
  })
  await closeAfter(Promise.race([stop, refused(daemon.device)]), () => daemon.close(), options.json === true)
}

/** A device that is shut out stops: it has nothing to do until somebody pairs it again. */
function refused(device: {
  onStatus(listener: (status: { link: { state: string } }) => void): () => void
}): Promise<void> {
  return new Promise(resolve => {
    const end = device.onStatus(({ link }) => {
      if (link.state !== 'refused') return
      end()
      resolve()
    })
  })
}

/** The hub that this machine belongs to, once it does. */
async function joined(folder: DataFolder, options: UpOptions, token: string | undefined): Promise<string> {
  const memory = await recall(folder)
  const hub = hubOf(options.hub, memory)
  const key = await keyOf(folder)
  if (hasJoined(hub, memory, key)) return hub
  const fresh = await renewedKey(folder)
  if (token !== undefined) return hub
  const door = new HubDoor(hub)
  const device = newcomer(fresh, options.name)
  if (options.browser && hasBrowser()) await joinByRedirect(door, fresh, device, url => openPage(url, options))
  else await joinByGrant(door, device, grant => showGrant(grant, options), sleep)
  await remember(folder, hub, fresh.id)
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
