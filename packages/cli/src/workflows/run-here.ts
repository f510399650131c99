/** Carries a run of a workflow on in this process, until it ends, waits for people, or is told to stop. */
import { randomBytes } from 'node:crypto'
import { exitCodes, MeshError } from '@meshbook/core/errors.ts'
import { newId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { ExpressionError } from '@meshbook/core/workflow/expression.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { Json, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { foldWorkflow, type WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import { systemSleep } from '@meshbook/engine/backoff.ts'
import { definitionsOf, type PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'
import { inputsFor } from '@meshbook/engine/workflow/plan.ts'
import type { WorkflowPorts } from '@meshbook/engine/workflow/ports.ts'
import { type RunOptions, type RunResult, resumeRun, startRun } from '@meshbook/engine/workflow/run-workflow.ts'
import { printJson, say } from '../print.ts'
import { type LocalRuns, waitsText } from './local-runs.ts'
import { sha256 } from './read-files.ts'
import { exitOf, sayWaits } from './run-end.ts'
import { onSignals } from './run-signals.ts'
import { type RunView, runView } from './run-view.ts'
import { refuseUnavailable, stepsHere } from './steps-here.ts'

export interface HereRun {
  json: boolean
  allowsPrivate: boolean
  /** Where keys of models and secrets are read from. */
  env: NodeJS.ProcessEnv
  /** Whether a gate is waited for, or left to `workflow resume`. */
  waiting: RunOptions['waiting']
}

type Kept = Extract<WorkflowEvent, { type: 'kept' }>

export interface NewRun {
  files: PinnedFiles
  path: string
  inputs: { [name: string]: Json }
  fork?: { run: string; step: string; kept: Kept[] }
}

const random = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48

/** Answers with the exit code. */
export async function startHere(
  runs: LocalRuns,
  { files, path, inputs, fork }: NewRun,
  here: HereRun,
): Promise<number> {
  const definitions = definitionsOf(files)
  const workflow = definitions.of(files.hash)
  refuseUnavailable(definitions.all)
  const id = newId('run', Date.now(), randomBytes)
  const began = {
    type: 'began' as const,
    name: workflow.name,
    definition: files.hash,
    children: files.children,
    inputs: checkedInputs(workflow, inputs),
    ...(workflow.budget && { budget: Math.round(workflow.budget.usd * 1_000_000) }),
    ...(fork && { forkedFrom: { run: fork.run, step: fork.step } }),
  }
  const letGo = runs.hold(id)
  try {
    await runs.create(id, workflow.name, path, files, Date.now())
    if (!here.json) say(`${workflow.name} is ${id}`)
    return await carryOn(runs, id, 0, files, here, (ports, options) => startRun(ports, began, options, fork?.kept))
  } finally {
    letGo()
  }
}

function checkedInputs(workflow: Workflow, inputs: { [name: string]: Json }): { [name: string]: Json } {
  try {
    return inputsFor(workflow, inputs)
  } catch (thrown) {
    if (thrown instanceof ExpressionError) throw new MeshError('BAD_WORKFLOW', { detail: thrown.message })
    throw thrown
  }
}

export async function resumeHere(runs: LocalRuns, id: string, here: HereRun): Promise<number> {
  const letGo = runs.hold(id)
  try {
    const log = await runs.events(id)
    if (log.length === 0)
      throw new MeshError('RUN_ENDED', { detail: `${id} was killed before it had begun; start it again` })
    const state = foldWorkflow(log)
    if (state.isOver) return exitOf(state)
    const files = await runs.pinned(log)
    return await carryOn(runs, id, log.length, files, here, (ports, options) => resumeRun(ports, log, options))
  } finally {
    letGo()
  }
}

type Go = (ports: WorkflowPorts, options: RunOptions) => Promise<RunResult>

async function carryOn(
  runs: LocalRuns,
  id: string,
  written: number,
  files: PinnedFiles,
  here: HereRun,
  go: Go,
): Promise<number> {
  const view = runView(id, { json: here.json, written })
  const stop = new AbortController()
  const cancel = (): Promise<void> => runs.send(id, { type: 'cancel', by: null, reason: 'cancelled at the terminal' })
  const undo = onSignals(cancel, stop, view)
  try {
    const ports = await portsOf(runs, id, written, files, here, view)
    const onEvents = (events: readonly RunEvent[], state: WorkflowState): void => view.events(events, state)
    const result = await go(ports, { signal: stop.signal, waiting: here.waiting, onEvents })
    await runs.noteWaits(id, result.status === 'waits' ? waitsText(result.waits, result.state) : '')
    return said(id, result, here)
  } finally {
    undo()
  }
}

async function portsOf(
  runs: LocalRuns,
  run: string,
  written: number,
  files: PinnedFiles,
  here: HereRun,
  view: RunView,
): Promise<WorkflowPorts> {
  return {
    run,
    log: await runs.log(run, written),
    definitions: definitionsOf(files),
    executor: stepsHere({
      env: here.env,
      allowsPrivate: here.allowsPrivate,
      tell: text => view.tell(text),
      clock: Date.now,
    }),
    assets: runs.assets(),
    inbox: runs.inbox(run),
    concurrency: runs.concurrency(run),
    time: { clock: Date.now, sleep: systemSleep, random },
    newGate: () => newId('gate', Date.now(), randomBytes),
    digest: sha256,
  }
}

function said(id: string, result: RunResult, { json }: HereRun): number {
  if (result.status === 'ended') {
    const { output } = result.state.ended!
    if (!json && output && 'value' in output) process.stdout.write(`${JSON.stringify(output.value, null, 2)}\n`)
    return exitOf(result.state)
  }
  const waits = result.status === 'waits' ? result.waits : []
  if (json) printJson({ run: id, status: result.status, waits })
  else if (result.status === 'stopped') say(`Stopped. \`meshbook workflow resume ${id}\` goes on.`)
  else sayWaits(id, waits, 'here')
  return result.status === 'stopped' ? exitCodes.interrupted : exitCodes.waitsForGate
}
