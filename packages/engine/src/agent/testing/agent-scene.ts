/** An agent over a scripted model, tools in memory and a log in memory: what tests of the loop begin from. */
import { createHash } from 'node:crypto'
import type { Block, TaskEvent } from '@meshbook/core/task-events.ts'
import type { ToolRule } from '@meshbook/core/tasks-api.ts'
import * as v from 'valibot'
import { systemSleep } from '../../backoff.ts'
import { digestOf } from '../approval.ts'
import { Controls } from '../controls.ts'
import type { Answer, Model, ModelPart, ModelRequest, StopReason } from '../model.ts'
import type { ApprovalAnswer, ApprovalQuestion, People, TaskAssets, TaskLog, Time } from '../ports.ts'
import type { AgentSetting } from '../run-agent.ts'
import { defineTool, type Tool, type ToolContext, type ToolOutcome } from '../tool.ts'

export interface Said {
  say?: string
  calls?: readonly { tool: string; input: string; id?: string }[]
  stop?: StopReason
  inputTokens?: number
}

/** Says what the script makes of the request; the script may throw. */
export class ScriptedModel implements Model {
  readonly requests: ModelRequest[] = []
  readonly #script: (request: ModelRequest, signal: AbortSignal) => Said | Promise<Said>

  constructor(script: (request: ModelRequest, signal: AbortSignal) => Said | Promise<Said>) {
    this.#script = script
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelPart, void, void> {
    this.requests.push(structuredClone(request))
    const number = request.messages.filter(({ role }) => role === 'agent').length
    const said = await this.#script(request, signal)
    signal.throwIfAborted()
    if (said.say !== undefined) yield { type: 'piece', as: 'text', text: said.say }
    yield { type: 'answer', answer: answerOf(said, number, request) }
  }
}

function answerOf(said: Said, number: number, request: ModelRequest): Answer {
  const calls: Block[] = (said.calls ?? []).map((call, at) => ({
    type: 'tool-call',
    id: call.id ?? `call_${number}_${at}`,
    tool: call.tool,
    input: call.input,
  }))
  const text: Block[] = said.say === undefined ? [] : [{ type: 'text', text: said.say }]
  const inputTokens = said.inputTokens ?? Math.ceil(JSON.stringify(request.messages).length / 4)
  return {
    model: request.model,
    blocks: [...text, ...calls],
    usage: { inputTokens, outputTokens: 10, cacheReadTokens: 0, cacheWriteTokens: 0 },
    stop: said.stop ?? (calls.length > 0 ? 'tools' : 'done'),
  }
}

export class MemoryLog implements TaskLog {
  readonly events: TaskEvent[] = []
  flushes = 0
  #durable = 0
  /** Called at each write: a test may end the worker here. */
  onWrite: (event: TaskEvent) => void = () => undefined

  write(event: TaskEvent): void {
    this.events.push(structuredClone(event))
    this.onWrite(event)
  }

  async flush(): Promise<void> {
    await Promise.resolve()
    this.flushes++
    this.#durable = this.events.length
  }

  get durable(): number {
    return this.#durable
  }
}

export class MemoryAssets implements TaskAssets {
  readonly stored = new Map<string, Uint8Array>()

  async store(bytes: Uint8Array): Promise<string> {
    const asset = `sha256-${createHash('sha256').update(bytes).digest('hex')}`
    this.stored.set(asset, bytes)
    return asset
  }

  async load(asset: string): Promise<Uint8Array> {
    const bytes = this.stored.get(asset)
    if (!bytes) throw new Error(`there is no ${asset}`)
    return bytes
  }
}

export class ScriptedPeople implements People {
  readonly asked: ApprovalQuestion[] = []
  decide: (
    question: ApprovalQuestion,
    signal: AbortSignal,
  ) => Partial<ApprovalAnswer> | Promise<Partial<ApprovalAnswer>> = () => ({})

  async approve(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer> {
    this.asked.push(question)
    const decided = await this.decide(question, signal)
    return { decision: 'approved', digest: digestOf(question.shown), by: 'ada', comment: null, ...decided }
  }

  async ask({ text }: { text: string }): Promise<string> {
    return `an answer to ${text}`
  }
}

/** A tool that takes a text, counts how often it ran, and answers with what `run` makes of it. */
export function textTool(
  name: string,
  run: (text: string, context: ToolContext, times: number) => ToolOutcome | Promise<ToolOutcome>,
  options: { hasEffects?: boolean; resumes?: boolean; rule?: ToolRule; mostMs?: number } = {},
): Tool & { ran: string[] } {
  const ran: string[] = []
  const tool = defineTool({
    name,
    description: 'A tool of a test.',
    input: v.object({ text: v.string() }),
    hasEffects: options.hasEffects ?? false,
    resumes: options.resumes ?? false,
    rule: options.rule ?? 'auto',
    mostMs: options.mostMs ?? 5_000,
    run: async ({ text }, context) => {
      ran.push(context.question)
      return run(text, context, ran.length)
    },
  })
  return { ...tool, ran }
}

/** Short waits pass at once, and long ones never: those are limits of time. */
export function quickTime(now: () => number = () => 0): Time & { waits: number[] } {
  const waits: number[] = []
  const sleep = async (ms: number, signal: AbortSignal) => {
    if (ms < 600_000) waits.push(ms)
    await systemSleep(ms < 600_000 ? 0 : 2_000_000_000, signal)
  }
  return { clock: now, sleep, random: () => 0, waits }
}

export interface Scene extends AgentSetting {
  log: MemoryLog
  assets: MemoryAssets
  people: ScriptedPeople
  model: ScriptedModel
}

export function scene(
  script: (request: ModelRequest, signal: AbortSignal) => Said | Promise<Said>,
  change: Partial<AgentSetting> = {},
): Scene {
  const model = new ScriptedModel(script)
  return {
    events: [],
    first: { id: 'first', by: 'ada', text: 'Mend it.' },
    system: 'You work.',
    chain: [{ model, name: 'm', windowTokens: 100_000, maxOutputTokens: 4_000 }],
    tools: [],
    rules: {},
    budget: {},
    startedAt: 0,
    priceOf: (_, usage) => usage.outputTokens,
    controls: new Controls(),
    time: quickTime(),
    ...change,
    log: new MemoryLog(),
    assets: new MemoryAssets(),
    people: new ScriptedPeople(),
    model,
  }
}

/** What tools answered, in the last question to the model. */
export function lastResults(request: ModelRequest): string[] {
  const last = request.messages.findLast(({ role }) => role === 'tools')
  return last?.role === 'tools' ? last.results.map(({ content }) => content) : []
}

export function turnOf(request: ModelRequest): number {
  return request.messages.filter(({ role }) => role === 'agent').length
}
