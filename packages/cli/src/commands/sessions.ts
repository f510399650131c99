import { listOf } from '@meshbook/core/api.ts'
import { type SessionInfo, sessionInfoSchema } from '@meshbook/core/messages.ts'
import { movingWords, savedWords, sizeWords } from '@meshbook/core/session-words.ts'
import { Command } from 'commander'
import * as v from 'valibot'
import { ago, printJson, printTable, say } from '../print.ts'
import { allDevices } from './devices.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'
import { moveCommands } from './session-moves.ts'
import { listSaved, stateCommands } from './session-states.ts'
import { sessionsDoctorCommand } from './sessions-doctor.ts'

export function sessionsCommand(): Command {
  const sessions = new Command('sessions').description('the live namespaces of your notebooks')
  sessions.addCommand(
    withClient(
      new Command('list')
        .description('list the sessions: where each is live, and as of when it could go on elsewhere')
        .option('--all', 'those that are live nowhere, too')
        .option('--saved', 'the saved states instead, with size and what is inside'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions list --saved')
      .action(list),
    { isDefault: true },
  )
  sessions.addCommand(
    withClient(
      new Command('interrupt')
        .description('stop what a session runs; its variables stay')
        .argument('<id>')
        .option('--run <id>', 'only if this is what it runs'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions interrupt ses_01…')
      .action(interrupt),
  )
  sessions.addCommand(
    withClient(
      new Command('restart')
        .description('end the kernel of a session; what runs next begins with no variables')
        .argument('<id>')
        .option('--cancel-queued', 'cancel the runs that wait for it'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions restart ses_01… --cancel-queued')
      .action(restart),
  )
  for (const command of [...moveCommands(), ...stateCommands(), sessionsDoctorCommand()]) sessions.addCommand(command)
  return sessions
}

async function list(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { all?: boolean; saved?: boolean }>(command)
  const client = await clientOf(options)
  if (options.saved) return listSaved(client, options.json === true, Date.now())
  const { items } = await client.get('/sessions', listOf(sessionInfoSchema))
  const shown = items.filter(({ device }) => options.all === true || device !== null)
  if (options.json) return shown.forEach(printJson)
  if (shown.length === 0) return say('No session is live. Run a cell, and its session appears here.')
  const { items: devices } = await allDevices(client)
  const names = new Map(devices.map(({ id, name }) => [id, name]))
  const now = Date.now()
  printTable<SessionInfo>(shown, {
    id: session => session.id,
    name: session => session.name,
    language: session => session.language,
    on: session => (session.device === null ? '–' : (names.get(session.device) ?? session.device)),
    kernel: session => session.kernel ?? '–',
    since: session => (session.since ? ago(session.since, now) : '–'),
    saved: session => (session.saved ? savedWords(session.saved, now) : '–'),
    size: session => (session.saved?.snapshot ? sizeWords(session.saved.bytes) : '–'),
    state: session => stateOf(session),
  })
}

function stateOf({ device, moving, restored }: SessionInfo): string {
  if (moving) return movingWords(moving)
  if (device === null) return 'ended'
  if (!restored) return 'live'
  const behind = restored.behind === 0 ? '' : `, ${restored.behind} behind`
  return `live, restored${behind}`
}

async function interrupt(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { run?: string }>(command)
  const body = options.run === undefined ? {} : { run: options.run }
  await (await clientOf(options)).send('POST', `/sessions/${encodeURIComponent(id)}/interrupt`, body)
  if (options.json) printJson({ session: id, interrupted: true })
  else say('✔ The session is interrupted; its variables are still there.')
}

async function restart(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { cancelQueued?: boolean }>(command)
  const body = { queued: options.cancelQueued ? 'cancel' : 'keep' }
  const answer = v.object({ cancelled: v.array(v.string()) })
  const { cancelled } = await (await clientOf(options)).post(
    `/sessions/${encodeURIComponent(id)}/restart`,
    body,
    answer,
  )
  if (options.json) printJson({ session: id, cancelled })
  else
    say(`✔ The session is restarted${cancelled.length > 0 ? `; ${cancelled.length} waiting runs were cancelled` : ''}.`)
}
