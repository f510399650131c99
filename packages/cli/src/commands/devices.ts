import { listOf, runSchema } from '@meshbook/core/api.ts'
import { type PolicyChange, policyChangeSchema, powerRules } from '@meshbook/core/device-policy.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceInfo, deviceInfoSchema, sessionInfoSchema } from '@meshbook/core/messages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { Command, Option } from 'commander'
import * as v from 'valibot'
import type { ApiClient } from '../api-client.ts'
import { confirmed } from '../confirm.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'
import { pairDevice } from './pair-device.ts'

export function devicesCommand(): Command {
  const devices = new Command('devices').description('the machines of your mesh')
  devices.addCommand(
    withClient(
      new Command('list').description('list the devices').addHelpText('after', '\nExample:\n  $ meshbook devices list'),
    ).action(list),
    { isDefault: true },
  )
  devices.addCommand(
    withClient(
      new Command('pair')
        .description('show a code that makes another machine, or a browser, yours')
        .addHelpText('after', '\nExample:\n  $ meshbook devices pair'),
    ).action(pairDevice),
  )
  devices.addCommand(
    withClient(
      new Command('rename')
        .description('give a device another name')
        .argument('<device>', 'id or name')
        .argument('<name>', 'the new name'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook devices rename studio "GPU box"')
      .action(rename),
  )
  devices.addCommand(
    withClient(
      new Command('revoke')
        .description('shut a device out: its connections close at once')
        .argument('<device>', 'id or name')
        .option('--yes', 'also if live sessions or runs are lost by it'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook devices revoke old-laptop')
      .action(revoke),
  )
  devices.addCommand(
    withClient(
      new Command('set')
        .description('say what a device is used for')
        .argument('<device>', 'id or name')
        .addOption(new Option('--executes <yes|no>', 'whether it runs code at all').choices(['yes', 'no']))
        .addOption(new Option('--battery <rule>', 'while it is on battery').choices(powerRules))
        .addOption(new Option('--metered <rule>', 'while its network is paid for').choices(powerRules))
        .addOption(new Option('--always-on <yes|no>', 'whether it never sleeps').choices(['yes', 'no']))
        .addOption(new Option('--runs-of-others <whose>', 'runs of other people').choices(['allow', 'owned', 'never']))
        .addOption(new Option('--environments <how>', 'packages of lock files').choices(['ask', 'automatic']))
        .option('--cost-per-hour <amount>', 'only compared with other devices')
        .option('--memory <size>', 'what a session may take, such as 12GB; 0: 80 % of the machine')
        .option('--run-minutes <number>', 'how long a run may go on; 0: as long as it takes')
        .option('--idle-minutes <number>', 'after how long an unused session ends; 0: never'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook devices set laptop --battery never')
      .action(set),
  )
  return devices
}

async function list(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const { items } = await allDevices(await clientOf(options))
  if (options.json) return items.forEach(printJson)
  if (items.length === 0) return say('No devices yet. Run `meshbook start` or `meshbook up` on a machine.')
  const now = Date.now()
  const nameOf = new Map(items.map(device => [device.id, device.name]))
  const isAnyDirect = items.some(({ direct = [] }) => direct.length > 0)
  const direct = ({ direct = [] }: DeviceInfo): string => direct.map(id => nameOf.get(id) ?? id).join(', ') || '–'
  printTable(items, {
    name: device => device.name,
    status: device => (device.status === 'online' ? '● online' : `○ ${device.status}`),
    seen: device => ago(device.lastSeenAt, now),
    kind: device => device.kind,
    ...(isAnyDirect && { direct }),
    runs: device => device.runtimes.map(runtime => runtime.language).join(', ') || '–',
    load: device => loadText(device),
    meshbook: device => device.software ?? '–',
    id: device => device.id,
  })
}

async function rename(wanted: string, name: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  const device = await findDevice(client, wanted)
  await client.send('PATCH', `/devices/${device.id}`, { name })
  if (options.json) printJson({ device: device.id, name, was: device.name })
  else say(`✔ ${device.name} is now ${name}.`)
}

async function revoke(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { yes?: boolean }>(command)
  const client = await clientOf(options)
  const device = await findDevice(client, wanted)
  const lost = await lostWith(client, device)
  if (lost.length > 0 && !options.yes)
    await confirmed(`Revoking ${device.name} loses ${lost.join(' and ')}. Revoke it?`, '--yes')
  await client.send('DELETE', `/devices/${device.id}`)
  if (options.json) printJson({ device: device.id, name: device.name, revoked: true })
  else say(`✔ ${device.name} is revoked; its connections are closed.`)
}

/** What it holds now and nobody else has. */
async function lostWith(client: ApiClient, { id }: DeviceInfo): Promise<string[]> {
  const [sessions, runs] = await Promise.all([
    client.get('/sessions', listOf(sessionInfoSchema)),
    client.get(`/runs?limit=100&device=${id}`, listOf(runSchema)),
  ])
  const live = sessions.items.filter(({ device }) => device === id).map(({ language, name }) => `${language} ${name}`)
  const held = runs.items.filter(({ status }) => !hasEnded(status))
  return [
    ...(live.length > 0 ? [`the variables of ${live.join(', ')}`] : []),
    ...(held.length > 0 ? [`${held.length} ${held.length === 1 ? 'run' : 'runs'} under way`] : []),
  ]
}

/** Runs code or not, and when: what is not named stays as it is. */
async function set(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & Record<string, string | undefined>>(command)
  const client = await clientOf(options)
  const device = await findDevice(client, wanted)
  const policy = policyFrom(options)
  await client.send('PATCH', `/devices/${device.id}`, { policy })
  if (options.json) printJson({ device: device.id, name: device.name, policy: { ...device.policy, ...policy } })
  else say(`✔ ${device.name} is set; it holds for every run from now on.`)
}

function policyFrom(options: Record<string, unknown>): PolicyChange {
  const yesNo = { yes: true, no: false } as Record<string, boolean>
  const given = {
    executes: yesNo[String(options.executes)],
    alwaysOn: yesNo[String(options.alwaysOn)],
    battery: options.battery,
    metered: options.metered,
    runsOfOthers: options.runsOfOthers,
    environments: options.environments,
    costPerHour: options.costPerHour === undefined ? undefined : Number(options.costPerHour),
    memoryBytes: options.memory === undefined ? undefined : bytesOf(String(options.memory)),
    runMinutes: options.runMinutes === undefined ? undefined : Number(options.runMinutes),
    idleMinutes: options.idleMinutes === undefined ? undefined : Number(options.idleMinutes),
  }
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const parsed = v.safeParse(policyChangeSchema, named)
  if (parsed.success && Object.keys(named).length > 0) return parsed.output
  throw new MeshError('BAD_REQUEST', { detail: 'say what to set, such as --battery never; see --help' })
}

const sizes: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** `12GB`, `512 MB`, `1.5g`, or bytes; NaN, which no policy is, for anything else. */
function bytesOf(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? []
  return Math.round(Number(number) * sizes[unit.toUpperCase()]!)
}

function loadText({ status, metrics }: DeviceInfo): string {
  if (status !== 'online' || !metrics) return '–'
  const { cpu, memoryBytes, memoryFreeBytes, battery } = metrics
  const percent = (share: number) => `${Math.round(share * 100)} %`
  const memory = memoryBytes > 0 ? `, memory ${percent(1 - memoryFreeBytes / memoryBytes)}` : ''
  return `cpu ${percent(cpu)}${memory}${battery && !battery.charging ? `, battery ${percent(battery.level)}` : ''}`
}

export function allDevices(client: ApiClient): Promise<{ items: DeviceInfo[] }> {
  return client.get('/devices', listOf(deviceInfoSchema))
}

/** The device with this id, or the only one with this name. */
export async function findDevice(client: ApiClient, wanted: string): Promise<DeviceInfo> {
  const { items } = await allDevices(client)
  const found = items.filter(device => device.id === wanted || device.name.toLowerCase() === wanted.toLowerCase())
  if (found.length === 1) return found[0]!
  if (found.length > 1)
    throw new MeshError('CONFLICT', { detail: `${found.length} devices are called ${wanted}; use the id` })
  throw new MeshError('NOT_FOUND', {
    detail: `no device is called ${wanted}; known: ${items.map(device => device.name).join(', ') || 'none'}`,
  })
}
