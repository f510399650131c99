import { listOf } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceInfo, deviceInfoSchema } from '@meshbook/core/messages.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
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
        .argument('<device>', 'id or name'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook devices revoke old-laptop')
      .action(revoke),
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
    id: device => device.id,
  })
}

async function rename(wanted: string, name: string, _options: unknown, command: Command): Promise<void> {
  const client = await clientOf(optionsOf(command))
  const device = await findDevice(client, wanted)
  await client.send('PATCH', `/devices/${device.id}`, { name })
  say(`✔ ${device.name} is now ${name}.`)
}

async function revoke(wanted: string, _options: unknown, command: Command): Promise<void> {
  const client = await clientOf(optionsOf(command))
  const device = await findDevice(client, wanted)
  await client.send('DELETE', `/devices/${device.id}`)
  say(`✔ ${device.name} is revoked; its connections are closed.`)
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
