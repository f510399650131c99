import { listOf, type Run, runSchema } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { Command } from 'commander'
import { confirmed } from '../confirm.ts'
import { follow } from '../follow-run.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { findDevice } from './devices.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

export function runsCommand(): Command {
  const runs = new Command('runs').description('what ran, where, and what came out')
  runs.addCommand(
    withClient(
      new Command('list')
        .description('list the newest runs')
        .option('--limit <n>', 'how many', '20')
        .option('--status <status>', 'only these, such as running or interrupted')
        .option('--on <device>', 'only those of this device (id or name)'),
    )
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
  runs.addCommand(
    withClient(
      new Command('again')
        .description('run the same code again, as a new run')
        .argument('<id>')
        .option('--on <device>', 'on this device and no other (id or name)')
        .option('--yes', 'also if the first run was interrupted and its effects may happen twice'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook runs again run_01… --on studio')
      .action(again),
  )
  runs.addCommand(
    withClient(
      new Command('elsewhere')
        .description('do not wait for the device that has the session: go on elsewhere from its saved state')
        .argument('<id>'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook runs elsewhere run_01…')
      .action(elsewhere),
  )
  runs.addCommand(
    withClient(
      new Command('confirm')
        .description('a run that was set aside is still wanted')
        .argument('<id>')
        .option('--yes', 'without asking'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook runs confirm run_01…')
      .action(confirm),
  )
  return runs
}

async function list(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { limit: string; status?: string; on?: string }>(command)
  const client = await clientOf(options)
  const query = new URLSearchParams({ limit: options.limit })
  if (options.status !== undefined) query.set('status', options.status)
  if (options.on !== undefined) query.set('device', (await findDevice(client, options.on)).id)
  const { items } = await client.get(`/runs?${query}`, listOf(runSchema))
  if (options.json) return items.forEach(printJson)
  if (items.length === 0) return say('Nothing has run yet. Try `meshbook run FILE.md`, or press Run in a notebook.')
  const now = Date.now()
  printTable(items, {
    id: run => run.id,
    status: run => (run.asks === null ? run.status : 'still wanted?'),
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
  if (run.againOf !== null) rows.push(['again of', run.againOf])
  rows.push(['log', run.logExpiredAt === null ? `${run.seq} events` : `expired; it had ${run.seq} events`])
  if (run.status === 'interrupted') rows.push(...whatIsKnown(run))
  if (run.asks !== null) rows.push(['asks', `still wanted? Then: meshbook runs confirm ${run.id}`])
  if (run.error) rows.push(['error', `${run.error.name}: ${run.error.message}`])
  return rows
}

function whatIsKnown({ id, startedAt, afterwards }: Run): [string, string][] {
  const after =
    afterwards && `it ${afterwards.status} there after all, at ${new Date(afterwards.endedAt).toISOString()}`
  return [
    ['began', startedAt === null ? 'not that anybody knows' : new Date(startedAt).toISOString()],
    ...(after ? [['then', after] as [string, string]] : []),
    ['again?', `meshbook runs again ${id}; what it did outside may happen twice`],
  ]
}

async function again(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { on?: string; yes?: boolean }>(command)
  const client = await clientOf(options)
  const { status } = await client.get(`/runs/${encodeURIComponent(id)}`, runSchema)
  if (status === 'interrupted' && !options.yes)
    await confirmed('It was interrupted: what it did outside may happen twice. Run it again?', '--yes')
  const on = options.on === undefined ? {} : { on: (await findDevice(client, options.on)).id }
  const run = await client.post(`/runs/${encodeURIComponent(id)}/again`, on, runSchema)
  if (options.json) printJson(run)
  process.exitCode = await follow(client, run.id, { json: options.json === true, after: 0, interactive: true })
}

async function elsewhere(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  await client.send('POST', `/runs/${encodeURIComponent(id)}/elsewhere`, {})
  const run = await client.get(`/runs/${encodeURIComponent(id)}`, runSchema)
  if (options.json) return printJson(run)
  say(
    run.status === 'queued'
      ? '✔ It goes elsewhere as soon as a device has the saved state.'
      : `✔ The run is ${run.status}.`,
  )
  for (const reason of run.reasons) say(`  ${reason}`)
}

async function confirm(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { yes?: boolean }>(command)
  const client = await clientOf(options)
  const { code, codeHash } = await client.get(`/runs/${encodeURIComponent(id)}`, runSchema)
  if (!options.yes) {
    say(exactText(code ?? ''))
    await confirmed('Is this still wanted?', '--yes')
  }
  const run = await client.post(`/runs/${encodeURIComponent(id)}/confirm`, { codeHash }, runSchema)
  if (options.json) printJson(run)
  else say(`✔ The run is ${run.status === 'queued' ? 'back in its place in the queue' : run.status}.`)
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
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  await client.send('POST', `/runs/${encodeURIComponent(id)}/cancel`, {})
  const run = await client.get(`/runs/${encodeURIComponent(id)}`, runSchema)
  if (options.json) return printJson(run)
  say(hasEnded(run.status) ? `✔ The run is ${run.status}.` : '✔ The run is asked to stop.')
}
