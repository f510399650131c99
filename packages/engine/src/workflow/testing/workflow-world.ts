/** Everything around a run in memory: a log that can be cut, an executor whose effects are counted, and a clock of its own. */
import { createHash } from 'node:crypto'
import type { RunEvent } from '@meshbook/core/run.ts'
import { parseWorkflow, problemText } from '@meshbook/core/workflow/parse-workflow.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { Json, StepKind, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { inputsFor } from '../plan.ts'
import {
  type Definitions,
  type Estimate,
  type Executed,
  type Execution,
  StepFailure,
  type WorkflowPorts,
} from '../ports.ts'
import { type RunOptions, type RunResult, resumeRun, startRun } from '../run-workflow.ts'
import type { Sent } from '../sent.ts'
import { VirtualTime } from './virtual-time.ts'

type NewSent<T> = T extends unknown ? Omit<T, 'inbox'> : never

export const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')

export function workflowOf(text: string): Workflow {
  const { workflow, problems } = parseWorkflow(text)
  if (!workflow) throw new Error(problems.map(problemText).join('\n'))
  return workflow
}

/** Files by their name; the first is started. */
export function definitionsOf(
  files: Record<string, string>,
): Definitions & { children: { in: string; file: string; definition: string }[] } {
  const parsed = new Map(Object.values(files).map(text => [sha256(text), workflowOf(text)]))
  const hashes = new Map(Object.entries(files).map(([name, text]) => [name, sha256(text)]))
  const hash = sha256(Object.values(files)[0]!)
  const children = [...parsed.keys()].flatMap(one =>
    [...hashes].map(([file, definition]) => ({ in: one, file, definition })),
  )
  return { hash, children, of: one => parsed.get(one)!, child: (_in, file) => hashes.get(file)! }
}

export class Crash extends Error {}

export type Behaviour = (execution: Execution, world: WorkflowWorld) => Promise<Executed>

export interface WorldOptions {
  files: Record<string, string>
  behaviour?: Behaviour
  estimate?: (kind: StepKind, input: Json) => Estimate
  goesOn?: (kind: StepKind) => boolean
  random?: () => number
  concurrency?: WorkflowPorts['concurrency']
}

export class WorkflowWorld {
  log: RunEvent[] = []
  readonly time: VirtualTime
  readonly sent: Sent[] = []
  readonly assets = new Map<string, Uint8Array>()
  readonly executions: Execution[] = []
  readonly definitions: ReturnType<typeof definitionsOf>
  /** The log takes so many more events; with the next, the process ends. */
  crashAfter = Number.POSITIVE_INFINITY
  readonly #options: WorldOptions
  #life = 0
  #gates = 0
  #changed: (() => void)[] = []

  constructor(options: WorldOptions) {
    this.#options = options
    this.time = new VirtualTime(options.random ?? (() => 0.5))
    this.definitions = definitionsOf(options.files)
  }

  get events(): WorkflowEvent[] {
    return this.log.flatMap(event => (event.type === 'workflow' ? [event.event] : []))
  }

  types(): string[] {
    return this.log.map(event => (event.type === 'workflow' ? event.event.type : event.type))
  }

  send(item: NewSent<Sent>): void {
    this.sent.push({ ...item, inbox: this.sent.length + 1 } as Sent)
    for (const tell of this.#changed.splice(0)) tell()
  }

  async start(inputs: { [name: string]: Json } = {}, options: Partial<RunOptions> = {}): Promise<RunResult> {
    const { definitions } = this
    const workflow = definitions.of(definitions.hash)
    const budget = workflow.budget ? { budget: Math.round(workflow.budget.usd * 1_000_000) } : {}
    const began = {
      type: 'began' as const,
      name: workflow.name,
      definition: definitions.hash,
      children: definitions.children,
      inputs: inputsFor(workflow, inputs),
      ...budget,
    }
    return startRun(this.#ports(), began, this.#with(options))
  }

  async resume(options: Partial<RunOptions> = {}): Promise<RunResult> {
    return resumeRun(this.#ports(), this.log, this.#with(options))
  }

  #with(options: Partial<RunOptions>): RunOptions {
    return { signal: new AbortController().signal, waiting: 'leave', ...options }
  }

  /** Of a process: what is called after its end does nothing, and never returns. */
  #ports(): WorkflowPorts {
    const life = ++this.#life
    this.time.forget()
    const isOver = (): boolean => life !== this.#life
    const ports: WorkflowPorts = {
      run: 'run_1',
      definitions: this.definitions,
      time: this.time,
      digest: sha256,
      newGate: () => `gate_${++this.#gates}`,
      log: {
        append: async events => {
          if (isOver()) throw new Crash()
          for (const event of events) {
            if (this.crashAfter-- <= 0) {
              this.#life++
              throw new Crash()
            }
            this.log.push(JSON.parse(JSON.stringify(event)) as RunEvent)
          }
        },
      },
      assets: {
        store: async bytes => {
          const asset = `sha256-${sha256(bytes)}`
          this.assets.set(asset, bytes)
          return asset
        },
        load: async asset => this.assets.get(asset)!,
      },
      inbox: {
        read: async after => this.sent.filter(({ inbox }) => inbox > after),
        changed: signal =>
          new Promise<void>(resolve => {
            this.#changed.push(resolve)
            signal.addEventListener('abort', () => resolve(), { once: true })
          }),
      },
      concurrency: this.#options.concurrency ?? { enter: async () => 'entered' },
      executor: {
        estimate: (kind, input) => this.#options.estimate?.(kind, input) ?? null,
        goesOn: kind => this.#options.goesOn?.(kind) === true,
        execute: async execution => {
          this.executions.push(execution)
          const done = await (this.#options.behaviour ?? echo)(execution, this)
          return isOver() ? new Promise<never>(() => undefined) : done
        },
      },
    }
    return ports
  }
}

/** Each step takes a while and comes to its input. */
export const echo: Behaviour = async ({ input, signal }, { time }) => {
  await time.sleep(10, signal)
  return { output: input }
}

/** Fails as often as it is told to, and then succeeds. */
export function failing(
  times: number,
  failure = new StepFailure('UNREACHABLE', 'it is not there', { known: true, mayRetry: true }),
): Behaviour {
  let left = times
  return async execution => {
    if (left-- > 0) throw failure
    return { output: execution.input }
  }
}
