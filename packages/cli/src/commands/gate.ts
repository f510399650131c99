import { type Gate, gateSchema, listOf } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { confirmed } from '../confirm.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface DecideOptions extends ClientOptions {
  digest?: string
  yes?: boolean
  comment?: string
  choice?: string
  form?: string
}

export function gateCommand(): Command {
  const gate = new Command('gate').description('what runs ask you: look at it, approve or reject it')
  gate.addCommand(
    withClient(new Command('list').description('list what is open').option('--all', 'what is decided, too'))
      .addHelpText('after', '\nExample:\n  $ meshbook gate list')
      .action(list),
    { isDefault: true },
  )
  gate.addCommand(
    withClient(new Command('show').description('print exactly what is asked').argument('<id>'))
      .addHelpText('after', '\nExample:\n  $ meshbook gate show gate_01…')
      .action(show),
  )
  gate.addCommand(decideCommand('approve', 'approved'))
  gate.addCommand(decideCommand('reject', 'rejected'))
  return gate
}

function decideCommand(name: string, decision: 'approved' | 'rejected'): Command {
  const command = withClient(
    new Command(name)
      .description(`${name} what a run asks`)
      .argument('<id>')
      .option('--digest <sha256>', 'only if this is the digest of what is shown; then it is not asked again')
      .option('--yes', 'without asking')
      .option('--comment <text>', 'told to whoever asked'),
  )
  if (decision === 'approved')
    command.option('--choice <choice>', 'one of what it offers').option('--form <json>', 'what it wants filled in')
  return command
    .addHelpText('after', `\nExample:\n  $ meshbook gate ${name} gate_01… --comment "go ahead"`)
    .action((id: string, _options: unknown, command: Command) => decide(id, decision, optionsOf(command)))
}

async function list(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { all?: boolean }>(command)
  const { items } = await (await clientOf(options)).get(`/gates${options.all ? '' : '?state=open'}`, listOf(gateSchema))
  if (options.json) return items.forEach(printJson)
  if (items.length === 0) return say('Nobody asks you anything.')
  const now = Date.now()
  printTable(items, {
    id: gate => gate.id,
    state: gate => gate.state,
    asks: gate => exactText(gate.title),
    run: gate => gate.run,
    on: gate => gate.deviceName ?? '–',
    asked: gate => ago(gate.openedAt, now),
  })
}

async function show(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const gate = await load(await clientOf(options), id)
  if (options.json) printJson(gate)
  else print(gate)
}

function load(client: ApiClient, id: string): Promise<Gate> {
  return client.get(`/gates/${encodeURIComponent(id)}`, gateSchema)
}

function print(gate: Gate): void {
  const rows: [string, string][] = [
    ['asks', exactText(gate.title)],
    ['state', gate.decidedBy ? `${gate.state} by ${gate.decidedBy}` : gate.state],
    ['run', `${gate.run}, on ${gate.deviceName ?? 'no device'}`],
    ['digest', gate.digest],
    ['until', new Date(gate.expiresAt).toISOString()],
    ['choices', gate.choices?.map(exactText).join(', ') ?? ''],
    ['form', gate.form === null ? '' : JSON.stringify(gate.form)],
    ['received', gate.receivedAt === null ? 'not confirmed yet' : new Date(gate.receivedAt).toISOString()],
  ]
  for (const [name, text] of rows.filter(([, text]) => text !== ''))
    process.stdout.write(`${name.padEnd(10)} ${text}\n`)
  process.stdout.write(`\n${gate.shown === null ? '(expired with the log)' : exactText(gate.shown ?? '')}\n`)
}

async function decide(id: string, decision: 'approved' | 'rejected', options: DecideOptions): Promise<void> {
  const client = await clientOf(options)
  const gate = await load(client, id)
  if (options.digest !== undefined && options.digest !== gate.digest)
    throw new MeshError('GATE_ALTERED', { detail: `the digest is ${gate.digest}` })
  const isSure = options.yes === true || options.digest !== undefined
  if (!isSure) {
    print(gate)
    await confirmed(decision === 'approved' ? 'Approve exactly this?' : 'Reject this?', '--yes or --digest')
  }
  const { digest, nonce } = gate
  const comment = options.comment === undefined ? {} : { comment: options.comment }
  const { choice, form } = options
  const filled = { ...(choice !== undefined && { choice }), ...(form !== undefined && { form: filledIn(form) }) }
  const body = { decision, digest, nonce, ...comment, ...filled }
  const decided = await client.post(`/gates/${encodeURIComponent(id)}/decide`, body, gateSchema)
  if (options.json) printJson(decided)
  else say(`✔ ${decided.state}. The run is told as soon as ${decided.deviceName ?? 'its device'} is there.`)
}

function filledIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MeshError('BAD_REQUEST', { detail: '--form is no JSON', cause })
  }
}
