/** `meshbook sessions snapshot|restore|migrate|fork`: a live session is saved, brought back, moved or copied. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type Move, moveSchema } from '@meshbook/core/moves-api.ts'
import { asOfWords } from '@meshbook/core/session-words.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { followMove } from '../follow-move.ts'
import { printJson, say } from '../print.ts'
import { allDevices, findDevice } from './devices.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'
import { findSession, findSnapshot } from './session-named.ts'

interface ToOptions extends ClientOptions {
  to?: string
  name?: string
  cancel?: boolean
}

export function moveCommands(): Command[] {
  return [
    withClient(
      new Command('snapshot')
        .description('save a session now and keep that state under a name')
        .argument('<session>', 'id, or name or language of the only one')
        .requiredOption('--name <name>', 'what to call it; it is kept until you delete it'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions snapshot python --name "before the split"')
      .action(snapshot),
    withClient(
      new Command('restore')
        .description('bring a saved state back; what the session holds now is kept as a saved state')
        .argument('<saved>', 'id or name of a saved state, as `sessions list --saved` shows them')
        .option('--as <name>', 'as a session of its own, beside the present one')
        .option('--on <device>', 'on this device (id or name)'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions restore "before the split" --as retry')
      .action(restore),
    withClient(
      new Command('migrate')
        .description('move a live session with its variables to another device')
        .argument('<session>', 'id, or name or language of the only one')
        .option('--to <device>', 'to this one (id or name) instead of the one that fits best')
        .option('--cancel', 'stop the move that is under way; the session stays where it is'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions migrate python --to studio')
      .action(migrate),
    withClient(
      new Command('fork')
        .description('copy a live session with its variables; the copy goes its own way')
        .argument('<session>', 'id, or name or language of the only one')
        .option('--name <name>', 'what notebooks call the copy in `session:`')
        .option('--to <device>', 'on this device (id or name)'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions fork python --name sandbox')
      .action(fork),
  ]
}

const at = (kind: 'sessions' | 'snapshots', id: string): string => `/${kind}/${encodeURIComponent(id)}`

async function snapshot(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ToOptions & { name: string }>(command)
  const client = await clientOf(options)
  const session = await findSession(client, wanted)
  const begun = await client.post(`${at('sessions', session.id)}/snapshots`, { name: options.name }, moveSchema)
  await followMove(client, begun, options.json === true)
  tell(options, `✔ Saved as “${options.name}”. Bring it back: meshbook sessions restore ${quoted(options.name)}`)
}

async function restore(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { as?: string; on?: string }>(command)
  const client = await clientOf(options)
  const saved = await findSnapshot(client, wanted)
  if (saved.refused !== undefined) throw new MeshError('SNAPSHOT_REFUSED', { detail: saved.refused })
  const body = { ...(options.as !== undefined && { as: options.as }), ...(await target(client, options.on)) }
  const begun = await client.post(`${at('snapshots', saved.id)}/restore`, body, moveSchema)
  const move = await followMove(client, begun, options.json === true)
  const state = asOfWords({ asOf: saved.asOf, behind: 0 }, Date.now())
  const where = await placeOf(client, move)
  const what = options.as === undefined ? 'The session is' : `The session ${options.as} is`
  tell(options, `✔ ${what} ${state}${where && `, live on ${where}`}.`)
  if (!options.json) for (const { name, reason } of saved.lost) say(`  not carried over: ${name} (${reason})`)
}

async function migrate(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ToOptions>(command)
  const client = await clientOf(options)
  const session = await findSession(client, wanted)
  if (options.cancel) return cancel(client, session.moving?.move, options)
  const begun = await client.post(`${at('sessions', session.id)}/migrate`, await target(client, options.to), moveSchema)
  const move = await followMove(client, begun, options.json === true)
  tell(options, `✔ ${session.language} ${session.name} is live on ${await placeOf(client, move)}, with its variables.`)
}

async function cancel(client: ApiClient, move: string | undefined, options: ToOptions): Promise<void> {
  if (move === undefined) throw new MeshError('NOT_FOUND', { detail: 'no move of this session is under way' })
  await client.send('DELETE', `/moves/${move}`)
  if (options.json) printJson({ move, cancelled: true })
  else say('✔ The move is cancelled; the session stays where it is.')
}

async function fork(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ToOptions>(command)
  const client = await clientOf(options)
  const session = await findSession(client, wanted)
  const body = { ...(options.name !== undefined && { name: options.name }), ...(await target(client, options.to)) }
  const begun = await client.post(`${at('sessions', session.id)}/fork`, body, moveSchema)
  const move = await followMove(client, begun, options.json === true)
  const made = await findSession(client, move.makes ?? session.id)
  tell(options, `✔ The copy is the session ${made.name}, live on ${await placeOf(client, move)}.`)
  tell(options, `  Use it: meshbook run FILE.md --session ${quoted(made.name)}`)
}

async function target(client: ApiClient, wanted: string | undefined): Promise<{ to?: string }> {
  return wanted === undefined ? {} : { to: (await findDevice(client, wanted)).id }
}

async function placeOf(client: ApiClient, { to }: Move): Promise<string> {
  if (to === null) return ''
  const { items } = await allDevices(client)
  return items.find(({ id }) => id === to)?.name ?? to
}

function tell({ json }: ClientOptions, text: string): void {
  if (!json) say(text)
}

const quoted = (name: string): string => (/^[\w.-]+$/.test(name) ? name : JSON.stringify(name))
