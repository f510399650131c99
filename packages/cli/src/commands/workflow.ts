import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { relative, resolve } from 'node:path'
import { exitCodes, MeshError } from '@meshbook/core/errors.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { workflowJsonSchema } from '@meshbook/core/workflow/json-schema.ts'
import type { Input, Json, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { foldWorkflow } from '@meshbook/core/workflow/workflow-state.ts'
import { keptFor } from '@meshbook/engine/workflow/fork.ts'
import { faultOf, type OpenGate, openGates } from '@meshbook/engine/workflow/hear.ts'
import { definitionsOf } from '@meshbook/engine/workflow/pinned-files.ts'
import { pinFiles } from '@meshbook/hub/workflows/pin-files.ts'
import { Argument, Command, Option } from 'commander'
import { ApiClient } from '../api-client.ts'
import { dataFolder } from '../data-folder.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { factsOf } from '../workflows/facts.ts'
import { type FoundWorkflow, findWorkflows } from '../workflows/find-workflows.ts'
import { type Following, HubRuns } from '../workflows/hub-runs.ts'
import { withHubsModels } from '../workflows/hubs-models.ts'
import { keepMode, readKeptMode } from '../workflows/kept-mode.ts'
import { type LocalRun, LocalRuns } from '../workflows/local-runs.ts'
import {
  type ExecutionMode,
  executions,
  explained,
  inferences,
  type Mode,
  type ModeAsked,
  type ModeName,
  modes,
  resolveMode,
} from '../workflows/mode.ts'
import { readFiles } from '../workflows/read-files.ts'
import { type HereRun, resumeHere, startHere } from '../workflows/run-here.ts'
import { unavailableHere } from '../workflows/steps-here.ts'
import { workflowTriggersCommand } from './workflow-triggers.ts'

interface Options {
  data?: string
  json?: boolean
}

/** Which run is meant: one of this machine, or of the hub. */
interface PlacedOptions extends Options {
  execution?: ExecutionMode
}

interface RunOptions extends Options, ModeAsked {
  input?: string[]
  explain?: boolean
  allowPrivate?: boolean
  wait?: boolean
}

interface DecideOptions extends Options {
  choice?: string
  form?: string
  comment?: string
}

export function workflowCommand(): Command {
  const workflow = new Command('workflow').description('workflows in YAML files, run on this machine alone or at a hub')
  workflow.addCommand(validateCommand())
  workflow.addCommand(runCommand())
  workflow.addCommand(listCommand())
  workflow.addCommand(modeCommand())
  workflow.addCommand(
    placed(new Command('runs').description('list the runs of this machine, or of the hub'))
      .addHelpText('after', '\nExample:\n  $ meshbook workflow runs')
      .action((_options: unknown, command: Command) => list(command)),
  )
  workflow.addCommand(resumeCommand())
  workflow.addCommand(forkCommand())
  workflow.addCommand(
    placed(new Command('cancel').description('end a run and all that it does').argument('<run>'))
      .addHelpText('after', '\nExample:\n  $ meshbook workflow cancel run_01…')
      .action(cancel),
  )
  workflow.addCommand(
    placed(
      new Command('signal')
        .description('send a signal that a run waits for')
        .argument('<run>')
        .argument('<name>')
        .argument('[json]'),
    )
      .addHelpText('after', '\nExample:\n  $ meshbook workflow signal run_01… ready \'{"rows": 12}\'')
      .action(signal),
  )
  workflow.addCommand(
    placed(new Command('budget').description('set what a run may cost in all').argument('<run>').argument('<usd>'))
      .addHelpText('after', '\nExample:\n  $ meshbook workflow budget run_01… 5.00')
      .action(budget),
  )
  workflow.addCommand(gatesCommand())
  workflow.addCommand(workflowTriggersCommand())
  return workflow
}

function here(command: Command): Command {
  return command
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
}

function placed(command: Command): Command {
  return here(command).addOption(new Option('--execution <where>', 'where the run is').choices(executions))
}

function running(command: Command): Command {
  return command
    .option('--allow-private', 'let steps reach this machine and its network')
    .option('--wait', 'wait for decisions about gates (without a terminal it ends with 11)')
    .option('--no-wait', 'end with 11 at a gate')
}

function validateCommand(): Command {
  return here(new Command('validate').description('check a file without running it').argument('[file]'))
    .option('--schema', 'print the JSON Schema of workflow files, for editors')
    .addHelpText('after', '\nExample:\n  $ meshbook workflow validate report.workflow.yaml')
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options & { schema?: boolean }>()
      if (options.schema) return void process.stdout.write(`${JSON.stringify(workflowJsonSchema(), null, 2)}\n`)
      if (file === undefined) throw new MeshError('BAD_REQUEST', { detail: 'name a file, or --schema' })
      process.exitCode = await validate(file, options)
    })
}

function runCommand(): Command {
  return running(here(new Command('run').description('run a workflow here, or at the hub').argument('<file>')))
    .option('--input <name=value...>', 'an input; lists and objects as JSON')
    .option('--explain', 'say where steps run, who pays for models, and why')
    .addOption(new Option('--execution <where>', 'where steps run').choices(executions))
    .addOption(new Option('--inference <who>', 'who pays for models: your keys, or the hub').choices(inferences))
    .addOption(new Option('--mode <mode>', 'short for both').choices(modes))
    .addHelpText('after', '\nExample:\n  $ meshbook workflow run report.workflow.yaml --input region=eu')
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>()
      process.exitCode = await run(file, options)
    })
}

function listCommand(): Command {
  return here(new Command('list').description('list the workflow files of a folder').argument('[folder]'))
    .addHelpText('after', '\nExample:\n  $ meshbook workflow list ~/reports')
    .action(async (folder: string | undefined, _options: unknown, command: Command) => {
      await listFiles(resolve(folder ?? '.'), command.optsWithGlobals<Options>())
    })
}

function modeCommand(): Command {
  return here(
    new Command('mode')
      .description('show or keep where workflows run and who pays for models, for the linked account or this machine')
      .addArgument(new Argument('[mode]').choices(modes)),
  )
    .option('--forget', 'keep nothing, so that the next rule answers')
    .addHelpText('after', '\nExample:\n  $ meshbook workflow mode local')
    .action(async (mode: ModeName | undefined, _options: unknown, command: Command) => {
      const { json, data, forget } = command.optsWithGlobals<Options & { forget?: boolean }>()
      if (mode !== undefined && forget) throw new MeshError('BAD_REQUEST', { detail: 'a mode, or --forget' })
      const folder = dataFolder(data)
      if (mode !== undefined || forget) await keepMode(folder, mode ?? null)
      const now = resolveMode({}, await readKeptMode(folder))
      if (json) printJson(now)
      else for (const line of explained(now)) say(line)
    })
}

function resumeCommand(): Command {
  return running(
    placed(new Command('resume').description('go on with a run that waits or was interrupted').argument('<run>')),
  )
    .addHelpText('after', '\nExample:\n  $ meshbook workflow resume run_01…')
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>()
      process.exitCode = await withRunOf(id, options, {
        here: runs => resume(runs, id, options),
        hub: hub => hub.follow(id, followingOf(options)),
      })
    })
}

function forkCommand(): Command {
  return running(
    placed(
      new Command('fork')
        .description('run again from one step on, with the results of the steps before it')
        .argument('<run>')
        .argument('<step>'),
    ),
  )
    .option('--input <name=value...>', 'another input for the steps that run again')
    .addHelpText('after', '\nExample:\n  $ meshbook workflow fork run_01… summarise')
    .action(async (id: string, step: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>()
      process.exitCode = await fork(id, step, options)
    })
}

function gatesCommand(): Command {
  const gates = new Command('gates').description('what runs of this machine ask you')
  gates.addCommand(
    here(new Command('list').description('list what is open'))
      .addHelpText('after', '\nExample:\n  $ meshbook workflow gates list')
      .action((_options: unknown, command: Command) => listGates(command)),
    { isDefault: true },
  )
  for (const verdict of ['approve', 'reject'] as const) {
    const command = here(new Command(verdict).description(`${verdict} what a run asks`).argument('<gate>')).option(
      '--comment <text>',
      'goes into the log',
    )
    if (verdict === 'approve')
      command.option('--choice <choice>', 'one of what the gate offers').option('--form <json>', 'what is filled in')
    gates.addCommand(
      command
        .addHelpText('after', `\nExample:\n  $ meshbook workflow gates ${verdict} gate_01…`)
        .action((gate: string, _options: unknown, command: Command) =>
          decide(gate, verdict === 'approve' ? 'approved' : 'rejected', command.optsWithGlobals<DecideOptions>()),
        ),
    )
  }
  return gates
}

async function withRuns<T>(options: Options, act: (runs: LocalRuns) => Promise<T>): Promise<T> {
  const runs = new LocalRuns(dataFolder(options.data).root)
  try {
    return await act(runs)
  } finally {
    runs.close()
  }
}

/** Where the flag, or what is kept, says the hub; a run that this machine has is its own unless the flag says otherwise. */
async function withRunOf<T>(
  id: string,
  options: PlacedOptions,
  act: { here: (runs: LocalRuns) => Promise<T>; hub: (runs: HubRuns) => Promise<T> },
): Promise<T> {
  const isMeant = (await modeOf(options)).execution === 'cloud'
  const isHere = options.execution !== 'cloud' && (!isMeant || (await withRuns(options, runs => runs.has(id))))
  if (!isHere) return act.hub(await hubRuns(options))
  return withRuns(options, async runs => {
    await runs.get(id)
    return act.here(runs)
  })
}

async function modeOf(options: Options & ModeAsked): Promise<Mode> {
  return resolveMode(options, await readKeptMode(dataFolder(options.data)))
}

const hubRuns = ({ data }: Options): Promise<HubRuns> => HubRuns.open(dataFolder(data), hub => new ApiClient(hub))

function waitingOf(options: RunOptions): 'stay' | 'leave' {
  return (options.wait ?? process.stderr.isTTY === true) ? 'stay' : 'leave'
}

function followingOf(options: RunOptions): Following {
  return { json: options.json === true, waiting: waitingOf(options) }
}

function hereOf(options: RunOptions, env: NodeJS.ProcessEnv): HereRun {
  return { ...followingOf(options), allowsPrivate: options.allowPrivate === true, env }
}

async function validate(file: string, options: Options): Promise<number> {
  const { files, problems } = await readFiles(file)
  if (problems) {
    sayProblems(problems, options)
    return exitCodes.usage
  }
  const { all } = definitionsOf(files)
  const [workflow] = all
  const here = all.flatMap(unavailableHere)
  if (options.json)
    printJson({
      ok: true,
      name: workflow!.name,
      definition: files.hash,
      files: files.texts.size,
      unavailableHere: here,
    })
  else for (const line of factsOf(workflow!, here, Date.now())) say(line)
  return exitCodes.ok
}

function sayProblems(
  problems: readonly ({ file: string } & Record<'line' | 'column', number> &
    Record<'path' | 'what' | 'todo', string>)[],
  { json }: Options,
): void {
  for (const problem of problems) {
    if (json) printJson({ error: 'BAD_WORKFLOW', ...problem })
    else
      say(
        `✖ ${problem.file}:${problem.line}:${problem.column} ${problem.path}: ${exactText(problem.what)}; ${exactText(problem.todo)}`,
      )
  }
}

async function run(file: string, options: RunOptions): Promise<number> {
  const mode = await modeOf(options)
  if (options.explain) for (const line of explained(mode)) say(line)
  const { files, problems } = await readFiles(file)
  if (problems) {
    sayProblems(problems, options)
    return exitCodes.usage
  }
  const workflow = definitionsOf(files).of(files.hash)
  if (workflow.on?.manual === false)
    throw new MeshError('BAD_WORKFLOW', { detail: 'on.manual is false: it is not started by hand' })
  const inputs = inputsOf(workflow, options.input ?? [])
  const given = { files, path: resolve(file), inputs }
  if (mode.execution === 'cloud') return (await hubRuns(options)).start(given, followingOf(options))
  return withRuns(options, runs =>
    withModels(mode, options, workflow, env => startHere(runs, given, hereOf(options, env))),
  )
}

function inputsOf(workflow: Workflow, given: readonly string[]): { [name: string]: Json } {
  return Object.fromEntries(
    given.map(text => {
      const at = text.indexOf('=')
      if (at < 1) throw new MeshError('BAD_REQUEST', { detail: `--input ${text}: write NAME=VALUE` })
      const name = text.slice(0, at)
      return [name, inputValue(workflow.inputs?.[name], name, text.slice(at + 1))]
    }),
  )
}

function inputValue(input: Input | undefined, name: string, text: string): Json {
  if (!input || input.type === 'string' || input.type === 'secret') return text
  return jsonOf(text, `--input ${name}`)
}

function jsonOf(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (thrown) {
    throw new MeshError('BAD_REQUEST', { detail: `${what} is no JSON`, cause: thrown })
  }
}

/** With the keys of the environment, or through the hub, for steps that run here. */
function withModels<T>(
  { inference }: Mode,
  { data }: Options,
  workflow: Workflow,
  act: (env: NodeJS.ProcessEnv) => Promise<T>,
): Promise<T> {
  return inference === 'byok' ? act(process.env) : withHubsModels(dataFolder(data), workflow, act)
}

async function resume(runs: LocalRuns, id: string, options: RunOptions): Promise<number> {
  const log = await runs.events(id)
  if (log.length === 0) return resumeHere(runs, id, hereOf(options, process.env))
  const files = await runs.pinned(log)
  const workflow = definitionsOf(files).of(files.hash)
  return withModels(await modeOf(options), options, workflow, env => resumeHere(runs, id, hereOf(options, env)))
}

async function fork(id: string, step: string, options: RunOptions): Promise<number> {
  return withRunOf(id, options, {
    here: runs => forkHere(runs, id, step, options),
    hub: hub => forkAtHub(hub, id, step, options),
  })
}

async function forkHere(runs: LocalRuns, id: string, step: string, options: RunOptions): Promise<number> {
  const { file } = await runs.get(id)
  const log = await runs.events(id)
  const files = await runs.pinned(log)
  const workflow = definitionsOf(files).of(files.hash)
  const { kept, inputs } = keptFor(workflow, foldWorkflow(log), step)
  const changed = { ...inputs, ...inputsOf(workflow, options.input ?? []) }
  const given = { files, path: file, inputs: changed, fork: { run: id, step, kept } }
  return withModels(await modeOf(options), options, workflow, env => startHere(runs, given, hereOf(options, env)))
}

async function forkAtHub(hub: HubRuns, id: string, step: string, options: RunOptions): Promise<number> {
  const { file, files } = await hub.files(id)
  const pinned = pinFiles(file, files)
  const inputs = inputsOf(definitionsOf(pinned).of(pinned.hash), options.input ?? [])
  return hub.fork(id, step, inputs, followingOf(options))
}

async function listFiles(folder: string, options: Options): Promise<void> {
  await withRuns(options, async runs => {
    const { found, more } = await findWorkflows(folder)
    const all = await runs.list()
    const last = ({ path }: FoundWorkflow): LocalRun | undefined => all.find(({ file }) => file === path)
    for (const one of options.json ? found : []) {
      const { path, ...rest } = one
      const run = last(one)
      printJson({ file: path, ...rest, last: run ? { run: run.id, status: run.status, beganAt: run.beganAt } : null })
    }
    if (more) say(`There is more in ${folder} than was looked through; name a folder in it.`)
    if (options.json) return
    if (found.length === 0) return say(`No *.workflow.yaml in ${folder}.`)
    const now = Date.now()
    printTable(found, {
      file: ({ path }) => relative(folder, path),
      workflow: ({ name }) => name ?? '',
      steps: ({ steps }) => String(steps),
      starts: ({ starts, problems }) =>
        problems > 0 ? `${problems === 1 ? 'a fault' : `${problems} faults`}: see validate` : starts.join(', '),
      'last run': one => {
        const run = last(one)
        return run ? `${run.status}, ${ago(run.beganAt, now)}` : 'never here'
      },
    })
  })
}

async function list(command: Command): Promise<void> {
  const options = command.optsWithGlobals<PlacedOptions>()
  if ((await modeOf(options)).execution === 'cloud') await listAtHub(await hubRuns(options), options)
  else await listHere(options)
}

async function listAtHub(hub: HubRuns, { json }: Options): Promise<void> {
  const { items } = await hub.list()
  if (json) return items.forEach(printJson)
  if (items.length === 0) return say('No workflow has run at the hub.')
  const now = Date.now()
  printTable(items, {
    id: one => one.id,
    workflow: one => one.name,
    status: one => (one.endedAt === null && one.waits.length > 0 ? `waits for ${one.waits.join(', ')}` : one.status),
    began: one => ago(one.requestedAt, now),
  })
}

async function listHere(options: Options): Promise<void> {
  await withRuns(options, async runs => {
    const all = (await runs.list()).map(one => ({ ...one, isHeld: one.status === 'running' && runs.isHeld(one.id) }))
    if (options.json) return all.forEach(printJson)
    if (all.length === 0) return say('No workflow has run on this machine.')
    const now = Date.now()
    printTable(all, {
      id: one => one.id,
      workflow: one => one.name,
      status: one =>
        one.status !== 'running' || one.isHeld ? one.status : one.waits ? `waits for ${one.waits}` : 'interrupted',
      began: one => ago(one.beganAt, now),
    })
  })
}

async function cancel(id: string, _options: unknown, command: Command): Promise<void> {
  const options = command.optsWithGlobals<PlacedOptions>()
  await withRunOf(id, options, {
    here: runs => cancelHere(runs, id, options),
    hub: async hub => {
      await hub.cancel(id)
      say('✔ The hub is told.')
    },
  })
}

async function cancelHere(runs: LocalRuns, id: string, { json }: Options): Promise<void> {
  const { status } = await runs.get(id)
  if (status !== 'running') throw new MeshError('RUN_ENDED', { detail: `${id} is ${status}` })
  await runs.send(id, { type: 'cancel', by: userInfo().username, reason: 'cancelled' })
  if (runs.isHeld(id)) return say('The process that carries it on is told.')
  const here: HereRun = { json: json === true, allowsPrivate: false, env: process.env, waiting: 'leave' }
  await resumeHere(runs, id, here)
}

async function signal(
  id: string,
  name: string,
  value: string | undefined,
  _options: unknown,
  command: Command,
): Promise<void> {
  const brought = value === undefined ? null : jsonOf(value, 'the value')
  await tell(
    id,
    command,
    runs => runs.send(id, { type: 'signal', name, value: brought }),
    hub => hub.signal(id, name, brought, randomUUID()),
  )
}

async function budget(id: string, usd: string, _options: unknown, command: Command): Promise<void> {
  const microUsd = Math.round(Number(usd) * 1_000_000)
  if (!(microUsd >= 0 && Number.isSafeInteger(microUsd)))
    throw new MeshError('BAD_REQUEST', { detail: `${usd} is no amount` })
  await tell(
    id,
    command,
    runs => runs.send(id, { type: 'budget', microUsd, by: userInfo().username }),
    hub => hub.budget(id, microUsd),
  )
}

async function tell(
  id: string,
  command: Command,
  here: (runs: LocalRuns) => Promise<void>,
  hub: (runs: HubRuns) => Promise<unknown>,
): Promise<void> {
  await withRunOf(id, command.optsWithGlobals<PlacedOptions>(), {
    here: async runs => {
      const { status } = await runs.get(id)
      if (status !== 'running') throw new MeshError('RUN_ENDED', { detail: `${id} is ${status}` })
      await here(runs)
      say(runs.isHeld(id) ? '✔ Told.' : `✔ Kept. \`meshbook workflow resume ${id}\` goes on.`)
    },
    hub: async runs => {
      await hub(runs)
      say('✔ The hub is told.')
    },
  })
}

interface LocalGate extends OpenGate {
  run: string
  workflow: string
}

async function openHere(runs: LocalRuns): Promise<LocalGate[]> {
  const going = (await runs.list()).filter(({ status }) => status === 'running')
  const found = await Promise.all(
    going.map(async ({ id, name }) =>
      openGates(foldWorkflow(await runs.events(id)).root, '').map(gate => ({ ...gate, run: id, workflow: name })),
    ),
  )
  return found.flat()
}

async function listGates(command: Command): Promise<void> {
  const options = command.optsWithGlobals<Options>()
  await withRuns(options, async runs => {
    const open = await openHere(runs)
    if (options.json)
      return open.forEach(({ run, workflow, path, gate }) => {
        const { decided: _none, ...asked } = gate
        printJson({ run, workflow, path, ...asked })
      })
    if (open.length === 0) return say('Nobody asks you anything.')
    for (const { run, workflow, path, gate } of open) {
      const until = new Date(gate.expiresAt).toISOString()
      process.stdout.write(`${gate.gate}  ${workflow} ${path}, ${run}, until ${until}\n`)
      if (gate.choices) process.stdout.write(`choices: ${gate.choices.map(exactText).join(', ')}\n`)
      if (gate.form) process.stdout.write(`form: ${JSON.stringify(gate.form)}\n`)
      process.stdout.write(`${exactText(gate.shown)}\n\n`)
    }
  })
}

async function decide(id: string, verdict: 'approved' | 'rejected', options: DecideOptions): Promise<void> {
  await withRuns(options, async runs => {
    const open = (await openHere(runs)).find(({ gate }) => gate.gate === id)
    if (!open) throw new MeshError('NOT_FOUND', { detail: `no gate ${id} is open on this machine` })
    const decision = {
      digest: open.gate.digest,
      verdict,
      choice: options.choice ?? null,
      form: options.form === undefined ? null : jsonOf(options.form, '--form'),
    }
    const fault = faultOf(open.gate, decision)
    if (fault !== undefined) throw new MeshError('BAD_REQUEST', { detail: fault })
    await runs.send(open.run, {
      type: 'decide',
      gate: id,
      by: userInfo().username,
      comment: options.comment ?? null,
      ...decision,
    })
    say(runs.isHeld(open.run) ? `✔ ${verdict}.` : `✔ ${verdict}. \`meshbook workflow resume ${open.run}\` goes on.`)
  })
}
