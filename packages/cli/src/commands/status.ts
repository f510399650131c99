/** What this machine is connected to, and what goes on there. */
import { listOf, meSchema, runSchema } from '@meshbook/core/api.ts'
import { asMeshError, exitCodes, MeshError } from '@meshbook/core/errors.ts'
import { deviceInfoSchema, sessionInfoSchema } from '@meshbook/core/messages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { Command } from 'commander'
import { ApiClient, findHub } from '../api-client.ts'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson } from '../print.ts'
import { type ClientOptions, optionsOf, withClient } from './options.ts'

export function statusCommand(): Command {
  return withClient(new Command('status').description('what this machine is connected to, and what runs'))
    .addHelpText('after', '\nExample:\n  $ meshbook status')
    .action(async (_options, command: Command) => {
      const options = optionsOf<ClientOptions>(command)
      const status = await gather(options)
      if (options.json) printJson(status)
      else for (const [name, text] of rowsOf(status)) process.stdout.write(`${name.padEnd(10)} ${text}\n`)
      if (!status.reachable) process.exitCode = exitCodes.unreachable
    })
}

interface HubNow {
  user: string
  version: string
  /** Of one small request there and back. */
  latencyMs: number
  devices: { name: string; status: string }[]
  /** Live somewhere. */
  sessions: { language: string; name: string; device: string }[]
  /** Not ended. */
  runs: { id: string; status: string; path: string | null; device: string | null }[]
}

export interface Status {
  hub: string | null
  /** Whether the hub answered. */
  reachable: boolean
  /** The daemon of this machine; null where none runs. */
  device: { name: string; linked: boolean; pid: number; keys: string; problems: string[] } | null
  now: HubNow | null
  /** Why the hub could not be asked. */
  problem: { code: string; detail: string; hint: string } | null
}

async function gather(options: ClientOptions): Promise<Status> {
  const folder = dataFolder(options.data)
  const daemon = await unlessUnreachable(control(folder.control, '/status', {}))
  const device = daemon && pick(daemon)
  const elsewhere = options.hub ?? process.env.MESHBOOK_HUB
  if (!daemon && !elsewhere)
    throw new MeshError('UNREACHABLE', {
      detail: 'no Meshbook runs on this machine with this data folder; start it: meshbook up',
    })
  const hub = elsewhere ?? daemon?.hub ?? null
  try {
    const now = await askHub(new ApiClient(await findHub(options, folder)))
    return { hub, reachable: true, device, now, problem: null }
  } catch (thrown) {
    const { code, entry, detail = entry.message } = asMeshError(thrown)
    return { hub, reachable: false, device, now: null, problem: { code, detail, hint: entry.hint } }
  }
}

async function unlessUnreachable<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (thrown) {
    if (asMeshError(thrown).code === 'UNREACHABLE') return null
    throw thrown
  }
}

function pick(daemon: { device: string; linked: boolean; pid: number; keys: string; problems: string[] }) {
  const { device: name, linked, pid, keys, problems } = daemon
  return { name, linked, pid, keys, problems }
}

async function askHub(client: ApiClient): Promise<HubNow> {
  await client.get('/me', meSchema)
  // The first request also opened the connection.
  const before = performance.now()
  const { user, hub } = await client.get('/me', meSchema)
  const latencyMs = Math.round((performance.now() - before) * 10) / 10
  const [devices, sessions, runs] = await Promise.all([
    client.get('/devices', listOf(deviceInfoSchema)),
    client.get('/sessions', listOf(sessionInfoSchema)),
    client.get('/runs?limit=100', listOf(runSchema)),
  ])
  const names = new Map(devices.items.map(({ id, name }) => [id, name]))
  return {
    user,
    version: hub.version,
    latencyMs,
    devices: devices.items.map(({ name, status }) => ({ name, status })),
    sessions: sessions.items.flatMap(({ language, name, device }) =>
      device === null ? [] : [{ language, name, device: names.get(device) ?? device }],
    ),
    runs: runs.items
      .filter(({ status }) => !hasEnded(status))
      .map(({ id, status, path, deviceName }) => ({ id, status, path, device: deviceName })),
  }
}

export function rowsOf({ hub, device, now, problem }: Status): [string, string][] {
  const rows: [string, string][] = [['hub', hub ?? 'none; join one: meshbook up --hub URL']]
  if (now) rows.push(['signed in', `as ${now.user}; hub ${now.version}, ${now.latencyMs} ms away`])
  if (problem) rows.push(['problem', `${problem.detail}. ${problem.hint}`])
  rows.push(['device', device ? `${device.name}, ${device.linked ? 'connected' : 'not connected'}` : 'none runs here'])
  for (const text of device?.problems ?? []) rows.push(['', text])
  if (!now) return rows
  const online = now.devices.filter(({ status }) => status === 'online').map(({ name }) => name)
  rows.push(['devices', `${online.length} of ${now.devices.length} online${listed(online)}`])
  rows.push(['sessions', now.sessions.length === 0 ? 'none live' : `${now.sessions.length} live`])
  for (const { language, name, device: at } of now.sessions) rows.push(['', `${language} ${name} on ${at}`])
  rows.push(['runs', now.runs.length === 0 ? 'none' : `${now.runs.length} not ended`])
  for (const { id, status, path, device: at } of now.runs)
    rows.push(['', `${id} ${status}${path ? ` ${path}` : ''}${at ? ` on ${at}` : ''}`])
  return rows
}

const listed = (names: readonly string[]): string => (names.length === 0 ? '' : `: ${names.join(', ')}`)
