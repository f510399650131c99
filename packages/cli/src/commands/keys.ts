import { listOf } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { keyKinds, keySchema, type StoredKey } from '@meshbook/core/tasks-api.ts'
import { Command, Option } from 'commander'
import { ago, printJson, printTable, say } from '../print.ts'
import { readSecret } from '../secret-input.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface SetOptions extends ClientOptions {
  kind?: StoredKey['kind']
  at?: string
}

const listSchema = listOf(keySchema)

export function keysCommand(): Command {
  const keys = new Command('keys').description(
    'keys of model providers and git hosts, which the hub uses and never shows',
  )
  keys.addCommand(
    withClient(
      new Command('list')
        .description('which keys there are, and when each was last used')
        .addHelpText('after', '\nExample:\n  $ meshbook keys list'),
    ).action((_options, command: Command) => list(optionsOf(command))),
    { isDefault: true },
  )
  keys.addCommand(
    withClient(
      new Command('set')
        .description('set a key; its value is asked for, or read from standard input')
        .argument('<name>', 'such as anthropic, openai, gemini or github')
        .addOption(new Option('--kind <kind>', 'what it is for; the name, where that is a kind').choices([...keyKinds]))
        .option(
          '--at <place>',
          'where it is good: the address of a provider, a git host such as github.com, or the one host a secret goes to',
        )
        .addHelpText(
          'after',
          '\nExamples:\n  $ meshbook keys set anthropic\n  $ meshbook keys set github --kind git --at github.com < token.txt\n  $ meshbook keys set DATA_TOKEN --kind secret --at api.example.com < token.txt',
        ),
    ).action((name: string, _options, command: Command) => set(name, optionsOf(command))),
  )
  keys.addCommand(
    withClient(
      new Command('remove')
        .description('remove a key')
        .argument('<name>')
        .addHelpText('after', '\nExample:\n  $ meshbook keys remove openai'),
    ).action((name: string, _options, command: Command) => remove(name, optionsOf(command))),
  )
  keys.addCommand(
    withClient(
      new Command('turn')
        .description('seal all values anew, with a new data key')
        .addHelpText('after', '\nExample:\n  $ meshbook keys turn'),
    ).action((_options, command: Command) => turn(optionsOf(command))),
  )
  return keys
}

async function list(options: ClientOptions): Promise<void> {
  const client = await clientOf(options)
  const { items } = await client.get('/keys', listSchema)
  if (options.json) return items.forEach(printJson)
  if (items.length === 0) return say('There are no keys. `meshbook keys set anthropic` sets one.')
  printTable(items, {
    name: ({ name }) => name,
    kind: ({ kind }) => kind,
    'good at': ({ at }) => at ?? '',
    ends: ({ ends }) => (ends === '' ? '' : `…${ends}`),
    changed: ({ changedAt }) => ago(changedAt, Date.now()),
    used: ({ usedAt }) => (usedAt === null ? 'never' : ago(usedAt, Date.now())),
  })
}

async function set(name: string, { kind, at, ...options }: SetOptions): Promise<void> {
  const named = kind ?? keyKinds.find(one => one === name)
  if (!named) throw new MeshError('BAD_REQUEST', { detail: `--kind is needed: ${keyKinds.join(', ')}` })
  const client = await clientOf(options)
  const file = process.stdin.isTTY ? undefined : '-'
  const read = await readSecret({ file, prompt: `Value of ${name} (not shown): ` })
  const value = read.replace(/\r?\n$/, '')
  if (value === '') throw new MeshError('BAD_REQUEST', { detail: 'the value is empty' })
  await client.send('PUT', `/keys/${encodeURIComponent(name)}`, {
    kind: named,
    value,
    ...(at === undefined ? {} : { at }),
  })
  if (options.json) printJson({ set: name })
  else say(`✔ ${name} is set. Nobody can read it back.`)
}

async function remove(name: string, options: ClientOptions): Promise<void> {
  const client = await clientOf(options)
  await client.send('DELETE', `/keys/${encodeURIComponent(name)}`)
  if (options.json) printJson({ removed: name })
  else say(`✔ ${name} is removed.`)
}

async function turn(options: ClientOptions): Promise<void> {
  const client = await clientOf(options)
  await client.send('POST', '/keys/turn')
  if (options.json) printJson({ turned: true })
  else say('✔ All values are sealed with a new data key.')
}
