/** `meshbook sessions list --saved`, `rename`, `delete`, `policy`: saved states, and what holds when a device is silent. */
import { listOf } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { SessionPolicy } from '@meshbook/core/moves-api.ts'
import { failoverIn, failoverWords, onLossChoices, onLossWords } from '@meshbook/core/session-policy.ts'
import { clockWords, insideWords, sizeWords } from '@meshbook/core/session-words.ts'
import { type SnapshotInfo, snapshotInfoSchema } from '@meshbook/core/snapshot.ts'
import { Command, Option } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { confirmed } from '../confirm.ts'
import { printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'
import { findSession, findSnapshot } from './session-named.ts'

export function stateCommands(): Command[] {
  return [
    withClient(
      new Command('rename')
        .description('name a saved state, which keeps it; without a name it is one of the newest again, or goes')
        .argument('<saved>', 'id or name')
        .argument('[name]', 'the new name'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions rename snp_01… "good fit"')
      .action(rename),
    withClient(
      new Command('delete')
        .description('delete a saved state for good')
        .argument('<saved>', 'id or name')
        .option('--yes', 'without asking'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook sessions delete "good fit"')
      .action(remove),
    withClient(
      new Command('policy')
        .description('say what becomes of the runs of a session whose device is silent or lost')
        .argument('<session>', 'id, or name or language of the only one')
        .option('--failover <rule>', 'wait, elsewhere, or "elsewhere-after 10s"')
        .addOption(new Option('--on-loss <rule>', 'a run whose device is lost in its middle').choices(onLossChoices)),
    )
      .addHelpText(
        'after',
        '\nA notebook may say otherwise in its front matter: meshbook: {failover: elsewhere-after 10s, on-loss: resume}\n\nExample:\n  $ meshbook sessions policy python --failover "elsewhere-after 10s" --on-loss resume',
      )
      .action(policy),
  ]
}

/** Newest first. */
export async function listSaved(client: ApiClient, json: boolean, now: number): Promise<void> {
  const { items } = await client.get('/snapshots', listOf(snapshotInfoSchema))
  if (json) return items.forEach(printJson)
  if (items.length === 0)
    return say(
      'Nothing is saved yet. A session is saved by itself after each run; `meshbook sessions doctor` says whether this machine can.',
    )
  printTable<SnapshotInfo>(items, {
    id: saved => saved.id,
    name: saved => saved.name ?? '–',
    'as of': saved => clockWords(saved.asOf.at, now),
    on: saved => saved.deviceName ?? saved.device,
    kind: saved => saved.kind,
    size: saved => sizeWords(saved.bytes),
    inside: saved => insideWords(saved.inside),
    lost: saved => saved.refused ?? (saved.lost.map(({ name }) => name).join(', ') || '–'),
  })
}

async function rename(wanted: string, name: string | undefined, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  const saved = await findSnapshot(client, wanted)
  await client.send('PATCH', `/snapshots/${saved.id}`, { name: name ?? null })
  if (options.json) return printJson({ snapshot: saved.id, name: name ?? null, was: saved.name })
  say(
    name === undefined
      ? '✔ It has no name any more, and goes when newer ones take its place.'
      : `✔ It is kept as “${name}”.`,
  )
}

async function remove(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { yes?: boolean }>(command)
  const client = await clientOf(options)
  const saved = await findSnapshot(client, wanted)
  const what = saved.name === null ? saved.id : `“${saved.name}”`
  if (!options.yes)
    await confirmed(`${what} is as of ${clockWords(saved.asOf.at, Date.now())}. Delete it for good?`, '--yes')
  await client.send('DELETE', `/snapshots/${saved.id}`)
  if (options.json) printJson({ snapshot: saved.id, deleted: true })
  else say(`✔ ${what} is deleted.`)
}

async function policy(wanted: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { failover?: string; onLoss?: SessionPolicy['onLoss'] }>(command)
  const client = await clientOf(options)
  const session = await findSession(client, wanted)
  const change = changeOf(options)
  if (Object.keys(change).length > 0) await client.send('PATCH', `/sessions/${session.id}`, change)
  const failover = change.failover ?? session.policy?.failover ?? 'wait'
  const onLoss = change.onLoss ?? session.policy?.onLoss ?? 'interrupt'
  if (options.json) return printJson({ session: session.id, failover, onLoss })
  say(`${session.language} ${session.name}: ${failoverWords(failover)};`)
  say(`  ${onLossWords(onLoss)}.`)
}

function changeOf({ failover, onLoss }: { failover?: string; onLoss?: SessionPolicy['onLoss'] }): SessionPolicy {
  const rule = failover === undefined ? undefined : failoverIn(failover)
  if (failover !== undefined && rule === undefined)
    throw new MeshError('BAD_REQUEST', {
      detail: `--failover ${failover}; it is wait, elsewhere or "elsewhere-after 10s"`,
    })
  return { ...(rule !== undefined && { failover: rule }), ...(onLoss !== undefined && { onLoss }) }
}
