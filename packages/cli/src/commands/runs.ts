import { listOf, type Run, runSchema } from '@meshbook/core/api.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { Command } from 'commander'
import { follow } from '../follow-run.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

export function runsCommand(): Command {
  const runs = new Command('runs').description('what ran, where, and what came out')
  runs.addCommand(
    withClient(new Command('list').description('list the newest runs').option('--limit <n>', 'how many', '20'))
      .addHelpText('after', '\nExample:\n  $ meshbook runs list --limit 5')
      .action(list),
    { isDefault: true },
  )
  runs.addCommand(
    withClient(new Command('show').description('show one run').argument('<id>'))
      .addHelpText('after', '\nExample:\n  $ meshbook runs show run_01…')
      .action(show),
  )
  runs.addCommand(
    withClient(
      new Command('tail')
        .description('print the output of a run, live')
        .argument('<id>')
        .option('--after <seq>', 'begin after this event', '0'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook runs tail run_01…')
      .action(tail),
  )
  runs.addCommand(
    withClient(new Command('cancel').description('stop a run').argument('<id>'))
      .addHelpText('after', '\nExample:\n  $ meshbook runs cancel run_01…')
      .action(cancel),
  )
  return runs
}

async function list(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { limit: string }>(command)
  const client = await clientOf(options)
  const { items } = await client.get(`/runs?limit=${encodeURIComponent(options.limit)}`, listOf(runSchema))
  if (options.json) return items.forEach(printJson)
  if (items.length === 0) return say('Nothing has run yet. Try `meshbook run FILE.md`, or press Run in a notebook.')
  const now = Date.now()
  printTable(items, {
    id: run => run.id,
    status: run => run.status,
    document: run => run.path ?? run.document,
    language: run => run.language,
    on: run => run.deviceName ?? '–',
    asked: run => ago(run.requestedAt, now),
    took: run => (run.durationMs === null ? '–' : `${(run.durationMs / 1000).toFixed(2)} s`),
  })
}

async function show(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const run = await (await clientOf(options)).get(`/runs/${encodeURIComponent(id)}`, runSchema)
  if (options.json) return printJson(run)
  for (const [name, text] of describe(run)) process.stdout.write(`${name.padEnd(10)} ${text}\n`)
}

function describe(run: Run): [string, string][] {
  const rows: [string, string][] = [
    ['run', run.id],
    ['status', run.status],
    ['document', run.path ?? run.document],
    ['ran on', run.deviceName ?? '–'],
    ['asked by', `${run.requestedBy}, ${new Date(run.requestedAt).toISOString()}`],
  ]
  for (const reason of run.reasons) rows.push(['why', reason])
  if (run.error) rows.push(['error', `${run.error.name}: ${run.error.message}`])
  return rows
}

async function tail(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { after: string }>(command)
  const client = await clientOf(options)
  process.exitCode = await follow(client, id, {
    json: options.json === true,
    after: Number(options.after),
    interactive: false,
  })
}

async function cancel(id: string, _options: unknown, command: Command): Promise<void> {
  const client = await clientOf(optionsOf(command))
  await client.send('POST', `/runs/${encodeURIComponent(id)}/cancel`, {})
  const run = await client.get(`/runs/${encodeURIComponent(id)}`, runSchema)
  say(hasEnded(run.status) ? `✔ The run is ${run.status}.` : '✔ The run is asked to stop.')
}
