import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { Command } from 'commander'
import { dataFolder } from '../data-folder.ts'
import { printJson, say } from '../print.ts'
import { HubDoor } from '../sign-in/hub-door.ts'
import { joinByCode } from '../sign-in/join-by-code.ts'
import { joinByGrant } from '../sign-in/join-by-grant.ts'
import { hasJoined, hubOf, recall, remember } from '../sign-in/memory.ts'
import { newcomer, renewedKey } from '../sign-in/newcomer.ts'
import { sayCode } from '../sign-in/show-code.ts'
import { optionsOf } from './options.ts'

interface PairOptions {
  hub?: string
  data?: string
  name?: string
  json?: boolean
}

export function pairCommand(): Command {
  return new Command('pair')
    .description(
      'make this machine one of your devices: by a code that another screen shows, or by approving it in a browser',
    )
    .argument('[code]', 'the eight characters under Devices → Pair, or the address of the QR code')
    .option('--hub <url>', 'the hub to join; remembered after the first time')
    .option('--name <name>', 'what this machine is called on the other devices')
    .option('--data <folder>', 'where everything is kept (default ~/.meshbook, or MESHBOOK_DATA)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ meshbook pair K7Q2-M9XD --hub https://mesh.example\n  $ meshbook pair --hub https://mesh.example   # without a browser here: approve it elsewhere',
    )
    .action(async (code: string | undefined, _options, command: Command) => pair(code, optionsOf<PairOptions>(command)))
}

async function pair(code: string | undefined, options: PairOptions): Promise<void> {
  const folder = dataFolder(options.data)
  const memory = await recall(folder)
  const hub = hubOf(options.hub ?? hubIn(code), memory)
  const key = await renewedKey(folder)
  if (code === undefined && hasJoined(hub, memory, key))
    throw new MeshError('CONFLICT', {
      detail: `this machine is a device of ${hub} already; start it with \`meshbook up\``,
    })
  const device = newcomer(key, options.name)
  const door = new HubDoor(hub)
  if (code === undefined) await joinByGrant(door, device, grant => showGrant(grant, options), sleep)
  else await joinByCode(door, code, device, digits => showDigits(digits, options))
  await remember(folder, { hub, device: key.id })
  if (options.json) printJson({ paired: true, hub, device: key.id })
  else say(`✔ This machine is a device of ${hub}.\nStart it with: meshbook up`)
}

/** The hub, where the code was given as the address of a QR code. */
function hubIn(code: string | undefined): string | undefined {
  const url = code === undefined ? null : URL.parse(code)
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url.origin : undefined
}

function showDigits(digits: string, { json }: PairOptions): void {
  if (json) {
    printJson({ digits })
    return
  }
  say(`\n  This machine shows   ${digits[0]} ${digits[1]}\n`)
  say('Enter these two digits on the screen that showed the code.')
}

export function showGrant(
  { userCode, url, completeUrl }: { userCode: string; url: string; completeUrl: string },
  { json }: { json?: boolean },
): void {
  if (json) {
    printJson({ userCode, url, completeUrl })
    return
  }
  say('Approve this machine in any browser that is signed in: scan the code, or open the address and enter it.')
  sayCode(userCode, completeUrl)
}
