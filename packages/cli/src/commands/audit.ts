import { auditEntrySchema, listOf } from '@meshbook/core/api.ts'
import { auditActions } from '@meshbook/core/audit.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { Command } from 'commander'
import { printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface AuditOptions extends ClientOptions {
  limit: string
  action?: string
  user?: string
  since?: string
}

export function auditCommand(): Command {
  return withClient(new Command('audit').description('what was done, by whom and from where; newest first'))
    .option('--limit <n>', 'how many entries', '50')
    .option('--action <name>', `only this: ${auditActions.join(', ')}`)
    .option('--user <name>', 'only what this user did')
    .option('--since <time>', 'only from then on, for example 2026-11-01')
    .addHelpText('after', '\nExample:\n  $ meshbook audit --action member-added --since 2026-11-01')
    .action(show)
}

async function show(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<AuditOptions>(command)
  const query = new URLSearchParams({ limit: options.limit })
  if (options.action) query.set('action', options.action)
  if (options.user) query.set('user', options.user)
  if (options.since) query.set('from', String(timeOf(options.since)))
  const { items } = await (await clientOf(options)).get(`/audit?${query}`, listOf(auditEntrySchema))
  if (options.json) return items.forEach(printJson)
  if (items.length === 0) return say('Nothing has been noted.')
  printTable(items, {
    time: entry => new Date(entry.at).toISOString().replace('T', ' ').slice(0, 19),
    action: entry => entry.action,
    by: entry => entry.name ?? '–',
    with: entry => entry.credential?.split(':', 1)[0] ?? '–',
    target: entry => entry.target ?? '–',
    from: entry => entry.address ?? '–',
    detail: entry => (Object.keys(entry.detail).length === 0 ? '' : JSON.stringify(entry.detail)),
  })
}

function timeOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new MeshError('BAD_REQUEST', { detail: `--since ${text}: not a time` })
  return time
}
