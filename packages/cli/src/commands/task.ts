/** `meshbook task`: gives work to an agent, and looks after it. */
import { randomUUID } from 'node:crypto'
import { listOf, runSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { changedWords, costWords, queueWords, repoName, taskStateWords, taskTitle } from '@meshbook/core/task-words.ts'
import {
  type NewTask,
  type Task,
  type ToolRule,
  taskAgentSchema,
  type taskControlSchema,
  taskDiffSchema,
  taskExports,
  taskMessageSchema,
  taskSchema,
  taskStates,
} from '@meshbook/core/tasks-api.ts'
import { Command, Option } from 'commander'
import type { InferOutput } from 'valibot'
import { confirmed } from '../confirm.ts'
import { followTask } from '../follow-task.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

type Action = InferOutput<typeof taskControlSchema>['action']

interface GiveOptions extends ClientOptions {
  repo?: string
  branch?: string
  base?: string
  model?: string
  agent?: string
  budget?: string
  auto?: string[]
  ask?: string[]
  never?: string[]
  pullRequest: boolean
  watch?: boolean
}

export function taskCommand(): Command {
  const task = withClient(new Command('task').description('give work on a repository to an agent in a sandbox'))
    .argument('[prompt]', 'what is to be done')
    .option('--repo <url>', 'the git repository: https, ssh, or git@host:path')
    .option('--base <branch>', 'begin from this branch (default: that of the repository)')
    .option('--branch <name>', 'what to call the branch, below meshbook/<task>/')
    .option('--model <name>', 'the model to ask')
    .option('--agent <name>', 'acp:NAME, one of `task agents` (default: the hub’s own)')
    .option('--budget <dollars>', 'what it may cost, such as 2.50')
    .option('--auto <tool...>', 'let it use these tools by itself, such as notebook_cell')
    .option('--ask <tool...>', 'ask me before each use of these tools, such as shell')
    .option('--never <tool...>', 'do without these tools')
    .option('--no-pull-request', 'push the branch and open no pull request')
    .option('--watch', 'show what it does until it ends')
    .addHelpText(
      'after',
      '\nExample:\n  $ meshbook task "Mend the failing test" --repo https://github.com/me/code --budget 2.50 --ask shell --watch',
    )
    .action(give)
  for (const command of [
    listCommand(),
    agentsCommand(),
    showCommand(),
    sayCommand(),
    ...controls(),
    retryCommand(),
    diffCommand(),
    exportCommand(),
    deleteCommand(),
  ])
    task.addCommand(command)
  return task
}

function listCommand(): Command {
  return withClient(
    new Command('list')
      .description('list the newest tasks')
      .option('--limit <n>', 'how many', '20')
      .option('--open', 'only those that have not ended')
      .option('--find <words>', 'only those whose prompt or repository has all these words')
      .addOption(new Option('--state <state>', 'only those in this state').choices([...taskStates])),
  )
    .addHelpText('after', '\nExample:\n  $ meshbook task list --open')
    .action(list)
}

function agentsCommand(): Command {
  return withClient(new Command('agents').description('list the agents that a task may name with --agent'))
    .addHelpText('after', '\nExample:\n  $ meshbook task agents')
    .action(agents)
}

function showCommand(): Command {
  return withClient(
    new Command('show')
      .description('show what a task does, live; its tool calls are folded')
      .argument('<id>')
      .option('--full', 'whole outputs of its tools, and what the model thought')
      .option('--no-follow', 'only what there is by now'),
  )
    .addHelpText('after', '\nExample:\n  $ meshbook task show run_01…')
    .action(show)
}

function sayCommand(): Command {
  return withClient(
    new Command('say')
      .description('tell the agent something, or answer what it asks; it hears it at its next turn')
      .argument('<id>')
      .argument('<text>'),
  )
    .addHelpText('after', '\nExample:\n  $ meshbook task say run_01… "Leave the public API as it is"')
    .action(tell)
}

const controlWords: Record<Action, { description: string; done: string }> = {
  stop: { description: 'end a task; what it has made is pushed', done: 'It is asked to stop.' },
  pause: { description: 'let a task stand still after its present step', done: 'It pauses after its present step.' },
  continue: { description: 'let a task that stands still go on', done: 'It goes on.' },
  interrupt: {
    description: 'end what a task does right now, and let it wait for you',
    done: 'It is interrupted, and waits for `task say` or `task continue`.',
  },
}

function controls(): Command[] {
  return (Object.keys(controlWords) as Action[]).map(action =>
    withClient(new Command(action).description(controlWords[action].description).argument('<id>'))
      .addHelpText('after', `\nExample:\n  $ meshbook task ${action} run_01…`)
      .action((id: string, _options: unknown, command: Command) => control(id, action, optionsOf(command))),
  )
}

function retryCommand(): Command {
  return withClient(
    new Command('retry')
      .description('the same task again, as a new one; with --turn from there')
      .argument('<id>')
      .option('--turn <n>', 'keep the conversation and the work up to this turn')
      .option('--prompt <text>', 'what is said instead, or next')
      .option('--watch', 'show what it does until it ends'),
  )
    .addHelpText('after', '\nExample:\n  $ meshbook task retry run_01… --turn 4 --prompt "Without a new dependency"')
    .action(retry)
}

function diffCommand(): Command {
  return withClient(new Command('diff').description('print what a task has changed so far').argument('<id>'))
    .addHelpText('after', '\nExample:\n  $ meshbook task diff run_01… | less')
    .action(diff)
}

function exportCommand(): Command {
  return withClient(
    new Command('export')
      .description('print a task with all that it did; what looks like a key is blanked')
      .argument('<id>')
      .addOption(new Option('--as <format>', 'which form').choices([...taskExports]).default('markdown')),
  )
    .addHelpText('after', '\nExample:\n  $ meshbook task export run_01… > task.md')
    .action(takeAway)
}

function deleteCommand(): Command {
  return withClient(
    new Command('delete')
      .description('delete a task that has ended, with its transcript; its branch stays')
      .argument('<id>')
      .option('--yes', 'without asking'),
  )
    .addHelpText('after', '\nExample:\n  $ meshbook task delete run_01… --yes')
    .action(remove)
}

const at = (id: string): string => `/tasks/${encodeURIComponent(id)}`

async function give(prompt: string | undefined, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<GiveOptions>(command)
  if (prompt === undefined || prompt.trim() === '')
    throw new MeshError('BAD_REQUEST', { detail: 'say what is to be done: meshbook task "PROMPT" --repo URL' })
  if (options.repo === undefined) throw new MeshError('BAD_REQUEST', { detail: '--repo: which repository?' })
  const client = await clientOf(options)
  // With an id of its own, so that a request whose answer was lost does not give the task twice.
  const id = newId('run', Date.now(), systemRandom)
  const task = await client.post('/tasks', { ...wishOf(prompt, options.repo, options), id }, taskSchema)
  await given(task, options)
}

function wishOf(prompt: string, repo: string, options: GiveOptions): Omit<NewTask, 'id'> {
  const { branch, base, model, agent, auto = [], ask = [], never = [] } = options
  const rules = { ...rulesOf(auto, 'auto'), ...rulesOf(ask, 'ask'), ...rulesOf(never, 'never') }
  return {
    prompt,
    repo,
    ...(branch !== undefined && { branch }),
    ...(base !== undefined && { base }),
    ...(model !== undefined && { model }),
    ...(agent !== undefined && { agent }),
    ...(options.budget !== undefined && { budget: { microUsd: microUsdOf(options.budget) } }),
    ...(Object.keys(rules).length > 0 && { tools: rules }),
    ...(!options.pullRequest && { pullRequest: false }),
  }
}

const rulesOf = (tools: readonly string[], rule: ToolRule): Record<string, ToolRule> =>
  Object.fromEntries(tools.map(tool => [tool, rule]))

function microUsdOf(text: string): number {
  const dollars = /^\$?\d+(\.\d+)?$/.test(text) ? Number(text.replace('$', '')) : Number.NaN
  const microUsd = Math.round(dollars * 1e6)
  if (microUsd >= 1) return microUsd
  throw new MeshError('BAD_REQUEST', { detail: `--budget ${text}: dollars, such as 2.50` })
}

async function given(task: Task, options: ClientOptions & { watch?: boolean }): Promise<void> {
  const { json = false } = options
  if (json) printJson(task)
  else {
    const place = queueWords(task)
    say(`✔ ${task.id}: ${taskStateWords[task.state]}${place === '' ? '' : `, ${place}`}. It will be on ${task.branch}.`)
    for (const reason of task.reasons) say(`  ${reason}`)
    if (!options.watch) say(`  Look at it: meshbook task show ${task.id}`)
  }
  if (options.watch)
    process.exitCode = await followTask(await clientOf(options), task.id, { json, full: false, colours: isTerminal() })
}

const isTerminal = (): boolean => process.stdout.isTTY === true && !process.env.NO_COLOR

interface ListOptions extends ClientOptions {
  limit: string
  open?: boolean
  find?: string
  state?: string
}

async function list(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ListOptions>(command)
  const { limit, open, find, state } = options
  const query = new URLSearchParams({
    ...{ limit, ...(open && { open: '1' }) },
    ...{ ...(find && { find }), ...(state && { state }) },
  })
  const { items } = await (await clientOf(options)).get(`/tasks?${query}`, listOf(taskSchema))
  if (options.json) return items.forEach(printJson)
  if (items.length === 0)
    return say(
      find || state
        ? 'No task is like that.'
        : options.open
          ? 'No task is open.'
          : 'No agent has had a task yet. Try: meshbook task "Mend the failing test" --repo URL',
    )
  const now = Date.now()
  printTable(items, {
    id: task => task.id,
    state: task => [taskStateWords[task.state], queueWords(task)].filter(Boolean).join(', '),
    repo: task => repoName(task.repo),
    changed: task => (task.changed === null ? '–' : changedWords(task.changed)),
    cost: task => costWords(task),
    asked: task => ago(task.requestedAt, now),
    task: task => taskTitle(task.prompt, 60),
  })
}

async function agents(_options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const { items } = await (await clientOf(options)).get('/task-agents', listOf(taskAgentSchema))
  if (options.json) return items.forEach(printJson)
  printTable(items, {
    agent: ({ name }) => name,
    'works on': one => (one === items[0] ? 'tasks that name none' : `tasks with --agent ${one.name}`),
  })
}

async function show(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { full?: boolean; follow: boolean }>(command)
  const client = await clientOf(options)
  const task = await client.get(at(id), taskSchema)
  const { json = false, full = false } = options
  if (json && !options.follow) printJson(task)
  if (!json) for (const [name, text] of describe(task)) process.stdout.write(`${name.padEnd(10)} ${text}\n`)
  const until = options.follow ? {} : { until: (await client.get(`/runs/${encodeURIComponent(id)}`, runSchema)).seq }
  process.exitCode = await followTask(client, id, { json, full, colours: isTerminal(), ...until })
}

function describe(task: Task): [string, string][] {
  const rows: [string, string][] = [
    ['task', task.id],
    ['state', [taskStateWords[task.state], queueWords(task)].filter(Boolean).join(', ')],
    ['repo', task.base === null ? task.repo : `${task.repo} from ${task.base}`],
    ['branch', task.branch],
    ['asked by', `${task.requestedBy}, ${new Date(task.requestedAt).toISOString()}`],
    ['cost', `${costWords(task)}, ${task.model}`],
  ]
  if (task.from) rows.push(['from', `turn ${task.from.turn} of ${task.from.task}`])
  if (task.changed) rows.push(['changed', changedWords(task.changed)])
  if (task.pullRequest) rows.push(['request', task.pullRequest.url])
  for (const reason of task.reasons) rows.push(['why', reason])
  return rows
}

async function tell(id: string, text: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  const run = `/runs/${encodeURIComponent(id)}`
  const { status } = await client.get(run, runSchema)
  if (status === 'waiting-for-input') {
    await client.send('POST', `${run}/input`, { text })
    if (!options.json) say('✔ Answered.')
    return
  }
  const said = await client.post(`${at(id)}/messages`, { id: randomUUID(), text }, taskMessageSchema)
  if (options.json) printJson(said)
  else say('✔ It is told at its next turn; `meshbook task show` says when it was heard.')
}

async function control(id: string, action: Action, options: ClientOptions): Promise<void> {
  const task = await (await clientOf(options)).post(`${at(id)}/control`, { action }, taskSchema)
  if (options.json) printJson(task)
  else
    say(
      task.endedAt === null
        ? `✔ ${controlWords[action].done}`
        : `✔ The task is ${taskStateWords[task.state].toLowerCase()}.`,
    )
}

async function retry(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions & { turn?: string; prompt?: string; watch?: boolean }>(command)
  const { turn, prompt } = options
  if (turn !== undefined && !/^[1-9]\d*$/.test(turn))
    throw new MeshError('BAD_REQUEST', { detail: `--turn ${turn}: turns count from 1` })
  const body = {
    id: newId('run', Date.now(), systemRandom),
    ...(turn !== undefined && { turn: Number(turn) }),
    ...(prompt !== undefined && { prompt }),
  }
  await given(await (await clientOf(options)).post(`${at(id)}/again`, body, taskSchema), options)
}

async function diff(id: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const found = await (await clientOf(options)).get(`${at(id)}/diff`, taskDiffSchema)
  if (options.json) return printJson(found)
  process.stdout.write(found.text)
  if (found.isCut) say('The rest is too large to be shown; the branch has all of it.')
}

async function takeAway(id: string, _options: unknown, command: Command): Promise<void> {
  const { as, ...options } = optionsOf<ClientOptions & { as: string }>(command)
  process.stdout.write(await (await clientOf(options)).text(`${at(id)}/export?as=${options.json ? 'json' : as}`))
}

async function remove(id: string, _options: unknown, command: Command): Promise<void> {
  const { yes, ...options } = optionsOf<ClientOptions & { yes?: boolean }>(command)
  if (!yes) await confirmed(`Delete task ${id} with all that it said?`, '--yes')
  await (await clientOf(options)).send('DELETE', at(id))
  if (options.json) printJson({ deleted: id })
  else say('✔ It is deleted. Its branch and what it cost stay.')
}
