/** Workflows by seed, and what their steps do: the same however often a run of one is cut and gone on with. */
import { createHash } from 'node:crypto'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { foldWorkflow, type WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import { openGates } from '../hear.ts'
import { type Execution, StepFailure } from '../ports.ts'
import { type Behaviour, Crash, WorkflowWorld } from './workflow-world.ts'

export type Random = () => number

/** Mulberry32. */
export function randomOf(seed: number): Random {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

type Draft = { [key: string]: Json }

/** Files of a workflow; the first is started. */
export function randomFiles(random: Random): Record<string, string> {
  const child = {
    meshbook: 'workflow/v1',
    name: 'child',
    inputs: { n: { type: 'number', default: 1 } },
    steps: stepsOf(random, 'c', 1 + pick(random, 3), 1),
    output: { n: '${{ inputs.n }}' },
  }
  const whole = {
    meshbook: 'workflow/v1',
    name: 'graph',
    defaults: { retry: { attempts: 4, initial: '1s' } },
    steps: stepsOf(random, 's', 2 + pick(random, 7), 0),
  }
  return { 'graph.yaml': JSON.stringify(whole), 'child.yaml': JSON.stringify({ ...child, defaults: whole.defaults }) }
}

const pick = (random: Random, below: number): number => Math.floor(random() * below)

function stepsOf(random: Random, letter: string, count: number, depth: number): Draft {
  const steps: Draft = {}
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const id = `${letter}${i}`
    const needs = ids.filter(() => random() < 0.35)
    const step = stepOf(random, letter, needs, depth)
    if (needs.length > 0) step.needs = needs
    if (needs.length > 0 && random() < 0.15) step.if = `steps.${needs[0]}.outcome == "succeeded"`
    if (random() < 0.25) step.on_error = 'continue'
    steps[id] = step
    ids.push(id)
  }
  if (random() < 0.3) {
    const from = ids[pick(random, ids.length)]!
    steps[`${letter}out`] = { transform: `steps.${from}.outcome` }
    ;(steps[from] as Draft).on_error = `${letter}out`
  }
  return steps
}

function stepOf(random: Random, letter: string, needs: readonly string[], depth: number): Draft {
  const seen = needs.map(need => `steps.${need}.outcome`).join(' + ')
  const kind = random()
  if (kind < 0.15 && seen) return { transform: seen }
  if (kind < 0.3 && depth < 2) {
    const over = Array.from({ length: pick(random, 4) }, (_, i) => i)
    return {
      map: {
        over,
        max_parallel: 1 + pick(random, 3),
        steps: stepsOf(random, `${letter}m`, 1 + pick(random, 2), depth + 1),
      },
    }
  }
  if (kind < 0.4 && depth < 2) {
    const max = 1 + pick(random, 3)
    return { repeat: { max, until: `round >= ${max}`, steps: stepsOf(random, `${letter}r`, 1, depth + 1) } }
  }
  if (kind < 0.47 && depth === 0) return { workflow: { file: 'child.yaml', inputs: { n: pick(random, 9) } } }
  if (kind < 0.55) return { wait: { for: `${1 + pick(random, 9)}s` } }
  if (kind < 0.62) return { gate: { ask: 'Go on?' } }
  const text = seen ? `\${{ ${seen} }}` : 'nothing before'
  return { notify: { title: text, text: 'x' } }
}

function chance(...parts: unknown[]): number {
  return createHash('sha256').update(parts.join('|')).digest().readUInt32BE(0) / 2 ** 32
}

/** By seed and key alone, apart from the first try of some keys, after which nobody knows whether it had its effect. */
export function behaviourOf(seed: number, effects: Map<string, number>): Behaviour {
  const tried = new Set<string>()
  return async ({ key, path, input, signal }: Execution, { time }) => {
    await time.sleep(1 + Math.floor(chance(seed, 'time', key) * 5_000), signal)
    const kind = chance(seed, 'kind', path)
    if (kind < 0.06) throw new StepFailure('BAD_REQUEST', 'never', { known: true, mayRetry: false })
    if (kind < 0.2 && key.endsWith('/1'))
      throw new StepFailure('UNREACHABLE', 'not yet', { known: true, mayRetry: true })
    effects.set(key, (effects.get(key) ?? 0) + 1)
    if (kind > 0.85 && !tried.has(key)) {
      tried.add(key)
      throw new StepFailure('UNREACHABLE', 'the answer was lost', { known: false, mayRetry: true })
    }
    // Some results are too large for the log.
    return { output: chance(seed, 'long', path) < 0.1 ? { ...(input as Draft), long: 'x'.repeat(70_000) } : input }
  }
}

export interface GraphEnd {
  world: WorkflowWorld
  state: WorkflowState
  outcome: string
  output: string
  effects: Map<string, number>
}

/** To its end, with the process killed after each of these numbers of events, counted from the last start. */
export async function runGraph(seed: number, crashes: readonly number[]): Promise<GraphEnd> {
  const effects = new Map<string, number>()
  const files = randomFiles(randomOf(seed))
  const world = new WorkflowWorld({ files, behaviour: behaviourOf(seed, effects), random: randomOf(seed + 1) })
  let hasBegun = false
  for (let life = 0; ; life++) {
    world.crashAfter = crashes[life] ?? Number.POSITIVE_INFINITY
    try {
      const isNew = !hasBegun
      const { status } = isNew ? await world.start() : await world.resume()
      hasBegun = true
      if (status === 'ended') return endOf(world, effects)
      decideAll(world, seed)
    } catch (thrown) {
      if (!(thrown instanceof Crash)) throw thrown
      hasBegun = world.log.length > 0
    }
    if (life > crashes.length + 200) throw new Error(`seed ${seed} does not end`)
  }
}

function decideAll(world: WorkflowWorld, seed: number): void {
  for (const { path, gate } of openGates(foldWorkflow(world.log).root, '')) {
    const verdict = chance(seed, 'gate', path) < 0.8 ? 'approved' : 'rejected'
    world.send({
      type: 'decide',
      gate: gate.gate,
      digest: gate.digest,
      verdict,
      by: 'ada',
      choice: null,
      form: null,
      comment: null,
    })
  }
}

function endOf(world: WorkflowWorld, effects: Map<string, number>): GraphEnd {
  const state = foldWorkflow(world.log)
  const { outcome, output } = state.ended!
  const text = output === null ? '' : 'value' in output ? JSON.stringify(output.value) : output.asset
  return { world, state, outcome, output: text, effects }
}

/** What must hold of a log, however it came about; words for what does not. */
export function faultsOf(log: readonly RunEvent[]): string[] {
  const faults: string[] = []
  const ended = new Set<string>()
  for (const event of log) {
    if (event.type !== 'workflow' || !('path' in event.event) || event.event.path === undefined) continue
    const { type, path } = event.event
    if (ended.has(path) && type !== 'printed') faults.push(`${type} of ${path} after its end`)
    if (type === 'step-ended') ended.add(path)
  }
  const terminal = log.filter(({ type }) => type === 'completed' || type === 'failed' || type === 'cancelled')
  if (terminal.length !== 1 || log.at(-1) !== terminal[0]) faults.push(`${terminal.length} terminal events`)
  return faults
}

/** Of one graph: that it ends as without crashes, wherever it is killed. Answers with how often it was. */
export async function checkGraph(seed: number, crashesPerGraph: number): Promise<number> {
  const whole = await runGraph(seed, [])
  const fail = (why: string): never => {
    throw new Error(`graph ${seed}: ${why}`)
  }
  for (const fault of faultsOf(whole.world.log)) fail(fault)
  const events = whole.world.log.length
  const random = randomOf(seed + 2)
  const all = Array.from({ length: events }, (_, i) => i)
  const places = crashesPerGraph >= events ? all : Array.from({ length: crashesPerGraph }, () => pick(random, events))
  for (const place of places) {
    const more = Array.from({ length: pick(random, 3) }, () => 1 + pick(random, 12))
    const cut = await runGraph(seed, [place, ...more])
    const where = `killed after ${[place, ...more].join(', ')}`
    for (const fault of faultsOf(cut.world.log)) fail(`${where}: ${fault}`)
    if (cut.outcome !== whole.outcome) fail(`${where}: ${cut.outcome} instead of ${whole.outcome}`)
    if (cut.outcome === 'completed' && cut.output !== whole.output)
      fail(`${where}: ${cut.output} instead of ${whole.output}`)
    for (const fault of keyFaults(cut)) fail(`${where}: ${fault}`)
  }
  return places.length
}

/** A step had its effect under one key, so whoever knows keys had it once. */
function keyFaults({ effects }: GraphEnd): string[] {
  const keys = Map.groupBy(effects.keys(), key => key.slice(0, key.lastIndexOf('/')))
  return [...keys]
    .filter(([, of]) => of.length > 1)
    .map(([step, of]) => `${step} had its effect under ${of.join(', ')}`)
}
