/**
 * The loop: ask the model, run the tools that it calls, append to the log, repeat until it is done, a limit is reached or
 * somebody stops it. It holds nothing that is not a fold over its log, so another worker goes on where this one ends.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { TaskEvent, Usage } from '@meshbook/core/task-events.ts'
import type { Budget, ToolRule } from '@meshbook/core/tasks-api.ts'
import { askPeople, questionOf } from './approval.ts'
import { isNearlyFull, summaryQuestion } from './compaction.ts'
import type { Controls, UserMessage } from './controls.ts'
import { type AgentState, answersOf, conversation, fold, type OpenCall, step } from './fold.ts'
import { limitReached, type TaskLimit, timeIsOver } from './limits-of-task.ts'
import { type Answer, ModelError } from './model.ts'
import { askPatiently, type ModelChoice, type Patience, type Question } from './models/patient-asking.ts'
import { Pieces } from './pieces.ts'
import type { People, TaskAssets, TaskLog, Time } from './ports.ts'
import { repeats, toldAt, withRemark } from './repeats.ts'
import { standStill } from './stand-still.ts'
import { TimeLimit } from './time-limit.ts'
import type { Tool, ToolContext, ToolOutcome } from './tool.ts'
import { shortened } from './tool-output.ts'

export interface AgentSetting {
  /** The log so far: what this or another worker did before. */
  events: readonly TaskEvent[]
  /** What the task is. */
  first: UserMessage
  system: string
  /** The models to ask, in this order. */
  chain: readonly [ModelChoice, ...ModelChoice[]]
  tools: readonly Tool[]
  rules: Readonly<Record<string, ToolRule>>
  budget: Budget
  /** When the task began, in whichever worker. */
  startedAt: number
  /** In millionths of a dollar. */
  priceOf(model: string, usage: Usage): number
  log: TaskLog
  assets: TaskAssets
  people: People
  controls: Controls
  time: Time
  /** Called when a turn has ended with all its tools, before the next: the place for a checkpoint. */
  afterTurn?: (turn: number, write: (event: TaskEvent) => void) => Promise<void>
  patience?: Pick<Patience, 'silentMs' | 'answerMs' | 'tries'>
}

export type AgentEnd =
  | { as: 'done'; text: string }
  | { as: 'limit'; limit: TaskLimit; reason: string }
  | { as: 'stopped'; by: string }
  | { as: 'failed'; error: MeshError }

/** Fails only where the log or the store does: then another worker goes on. */
export async function runAgent(setting: AgentSetting): Promise<AgentEnd> {
  using agent = await Agent.from(setting)
  const end = await untilItEnds(agent)
  await setting.log.flush()
  return end
}

async function untilItEnds(agent: Agent): Promise<AgentEnd> {
  for (;;) {
    const cut = await agent.standStill()
    if (cut) return cut
    agent.hear()
    await agent.endTurn()
    const end = agent.end() ?? (await agent.goOn())
    if (end) return end
  }
}

/** Answers that are larger are kept as assets. */
const blocksInEventBytes = 128 * 1024
const summaryChars = 64 * 1024
export const mayHaveHappened =
  'Interrupted: the worker was replaced while this was going on. It may have happened or not. Look before you do it again.'

class Agent {
  readonly #setting: AgentSetting
  readonly #tools: ReadonlyMap<string, Tool>
  readonly #answers: Map<string, string>
  readonly #limit: TimeLimit
  #state: AgentState
  #settledTurn: number
  #compactedTurn = -1

  static async from(setting: AgentSetting): Promise<Agent> {
    const answers = new Map<string, string>()
    for (const asset of answersOf(setting.events)) {
      const bytes = await setting.assets.load(asset)
      answers.set(asset, Buffer.from(bytes).toString('utf8'))
    }
    return new Agent(setting, answers)
  }

  private constructor(setting: AgentSetting, answers: Map<string, string>) {
    this.#setting = setting
    this.#limit = new TimeLimit(setting)
    this.#answers = answers
    this.#tools = new Map(setting.tools.map(tool => [tool.name, tool]))
    this.#state = fold(setting.events, answers)
    this.#settledTurn = this.#state.checkpointTurn
    setting.controls.message(setting.first)
  }

  [Symbol.dispose](): void {
    this.#limit[Symbol.dispose]()
  }

  /** While it is told to wait, it waits. The end, if it comes meanwhile. */
  async standStill(): Promise<AgentEnd | undefined> {
    const { controls, log, budget } = this.#setting
    const cut = await standStill({
      state: () => this.#state,
      write: event => this.#write(event),
      controls,
      log,
      over: this.#limit.over,
      onInterrupt: by => {
        for (const call of this.#state.calls) this.#endCall(call, failure(`Not done: interrupted by ${by}.`))
      },
    })
    if (cut === 'over') return this.#isDone() ? undefined : { as: 'limit', ...timeIsOver(budget) }
    return cut && { as: 'stopped', by: cut.stoppedBy }
  }

  /** What the user said since, once no call is open. */
  hear(): void {
    if (this.#state.calls.length > 0) return
    for (const { id, by, text } of this.#unheard()) this.#write({ type: 'heard', id, by, text })
  }

  /** The turn is over with all its tools: what it did is kept outside of the worker. */
  async endTurn(): Promise<void> {
    const { turn, calls } = this.#state
    if (calls.length > 0 || turn <= this.#settledTurn) return
    await this.#setting.afterTurn?.(turn, event => this.#write(event))
    this.#settledTurn = turn
  }

  #isDone(): boolean {
    return this.#state.calls.length === 0 && this.#state.next === 'done' && this.#unheard().length === 0
  }

  /** Why there is nothing more to do. */
  end(): AgentEnd | undefined {
    const { calls, next } = this.#state
    if (calls.length > 0) return undefined
    if (next === 'done') return { as: 'done', text: this.#lastWords() }
    if (next === 'refused')
      return { as: 'failed', error: new MeshError('BAD_REQUEST', { detail: 'the model refused to go on' }) }
    const { budget, startedAt, time } = this.#setting
    const limit = limitReached(this.#state, budget, time.clock() - startedAt)
    return limit ? { as: 'limit', ...limit } : undefined
  }

  /** The next step: a tool that the model called, or a question to it. */
  async goOn(): Promise<AgentEnd | undefined> {
    const call = this.#state.calls[0]
    try {
      if (call) await this.#runTool(call)
      else if (isNearlyFull(this.#state, this.#setting.chain[0])) await this.#compact()
      else await this.#ask()
      return undefined
    } catch (error) {
      if (this.#signal().aborted) return undefined
      return this.#endOf(error)
    }
  }

  async #endOf(error: unknown): Promise<AgentEnd | undefined> {
    if (!(error instanceof ModelError)) throw error
    if (error.fault === 'budget')
      return { as: 'limit', limit: 'cost', reason: error.detail ?? 'The budget is used up.' }
    if (error.fault !== 'too-long' || this.#state.turn === 0 || this.#compactedTurn === this.#state.turn)
      return { as: 'failed', error }
    try {
      await this.#compact()
      return undefined
    } catch (second) {
      if (this.#signal().aborted) return undefined
      if (second instanceof ModelError) return { as: 'failed', error: second }
      throw second
    }
  }

  async #ask(): Promise<void> {
    const turn = this.#state.turn + 1
    const { system, tools, rules } = this.#setting
    const offered = tools
      .filter(tool => ruleOf(tool, rules) !== 'never')
      .map(({ name, description, schema }) => ({ name, description, schema }))
    const question = { system, messages: conversation(this.#state), tools: offered }
    const answer = await this.#answerTo(question, {
      asking: model => this.#write({ type: 'turn-began', turn, model }),
      said: (as, text) => this.#write({ type: 'said', turn, as, text }),
    })
    await this.#keep(turn, answer)
  }

  async #answerTo(
    question: Question,
    on: { asking(model: string): void; said(as: 'text' | 'thinking', text: string): void },
  ): Promise<Answer> {
    const { chain, time, patience, log } = this.#setting
    await log.flush()
    const text = new Pieces(piece => on.said('text', piece))
    const thinking = new Pieces(piece => on.said('thinking', piece))
    const endPieces = () => {
      thinking.end()
      text.end()
    }
    try {
      for await (const part of askPatiently(chain, question, { time, ...patience }, this.#signal())) {
        if (part.type === 'piece') (part.as === 'text' ? text : thinking).add(part.text)
        else endPieces()
        if (part.type === 'asking') on.asking(part.model)
        else if (part.type === 'waiting') this.#write({ type: 'notice', text: wait(part.why, part.waitMs) })
        else if (part.type === 'answer') return { ...part.answer, model: part.choice.name }
      }
      throw new ModelError('cut', 'the model gave no answer')
    } finally {
      endPieces()
    }
  }

  async #keep(turn: number, { blocks, usage, model, stop }: Answer): Promise<void> {
    const text = JSON.stringify(blocks)
    const isLarge = Buffer.byteLength(text) > blocksInEventBytes
    const kept = isLarge ? { asset: await this.#storeAnswer(text) } : { blocks: text }
    const microUsd = this.#setting.priceOf(model, usage)
    this.#write({ type: 'turn-ended', turn, ...kept, usage, microUsd, stop })
  }

  async #storeAnswer(text: string): Promise<string> {
    const asset = await this.#setting.assets.store(Buffer.from(text), 'application/json')
    this.#answers.set(asset, text)
    return asset
  }

  async #compact(): Promise<void> {
    const { turn } = this.#state
    this.#compactedTurn = turn
    this.#write({ type: 'notice', text: 'The conversation nears what the model can take in, and is summed up.' })
    const { chain, priceOf } = this.#setting
    const { blocks, usage, model } = await this.#answerTo(summaryQuestion(this.#state, chain[0]), {
      asking: () => undefined,
      said: () => undefined,
    })
    const summary = blocks.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('\n')
    if (summary.trim() === '') throw new ModelError('refused', 'the model gave no summary of the conversation')
    const microUsd = priceOf(model, usage)
    this.#write({ type: 'compacted', turn, summary: summary.slice(0, summaryChars), usage, microUsd })
  }

  async #runTool(call: OpenCall): Promise<void> {
    const outcome = await this.#outcomeOf(call)
    const content = outcome.content.toWellFormed()
    const isLong = Buffer.byteLength(content) > limits.toolOutputBytes
    const whole = Buffer.from(content).subarray(0, limits.taskAssetBytes)
    const asset = isLong ? await this.#setting.assets.store(whole, 'text/plain') : undefined
    this.#endCall(call, { ok: outcome.ok, content: shortened(content, asset) }, asset)
  }

  async #outcomeOf(call: OpenCall): Promise<ToolOutcome> {
    const tool = this.#tools.get(call.tool)
    if (!tool) return failure(`There is no tool ${call.tool}. There are: ${[...this.#tools.keys()].join(', ')}.`)
    const rule = ruleOf(tool, this.#setting.rules)
    if (rule === 'never') return failure(`${call.tool} is not allowed in this task.`)
    if (call.began && tool.hasEffects && !tool.resumes) return failure(mayHaveHappened)
    const parsed = parseInput(tool, call.input)
    if ('wrong' in parsed) return failure(`The input does not fit.\n${parsed.wrong}`)
    const shown = tool.shown(parsed.input)
    // What goes on outside was agreed to before it began.
    const isAgreed = call.began && tool.resumes
    const refusal = rule === 'ask' && !isAgreed ? await this.#refusal(call, shown) : undefined
    if (refusal) return refusal
    const { turn } = this.#state
    this.#write({ type: 'tool-began', turn, call: call.id, tool: tool.name, shown: excerpt(shown.toWellFormed()) })
    await this.#setting.log.flush()
    return this.#use(tool, call.id, parsed.input)
  }

  async #refusal({ id, tool }: OpenCall, shown: string): Promise<ToolOutcome | undefined> {
    await this.#setting.log.flush()
    const signal = this.#signal()
    try {
      const question = { call: questionOf(this.#state.turn, id), tool, shown }
      const verdict = await askPeople(this.#setting.people, question, signal)
      return verdict.allowed ? undefined : failure(verdict.why)
    } catch (error) {
      return failure(`Not done: ${signal.aborted ? whyCut(signal) : asWords(error)}.`)
    }
  }

  async #use(tool: Tool, call: string, input: unknown): Promise<ToolOutcome> {
    const cut = this.#signal()
    const signal = AbortSignal.any([cut, AbortSignal.timeout(tool.mostMs)])
    const pieces = new Pieces(text => this.#write({ type: 'tool-printed', call, text }))
    try {
      const question = questionOf(this.#state.turn, call)
      const began = (run: RunId): void => this.#write({ type: 'tool-run', call, run })
      return await tool.run(input, { question, print: capped(pieces), began, people: this.#setting.people, signal })
    } catch (error) {
      if (cut.aborted) return failure(`Cut in its middle: ${whyCut(cut)}. Some of it may have happened.`)
      if (signal.aborted) return failure(`It took longer than ${tool.mostMs / 1_000} s.`)
      return failure(asWords(error))
    } finally {
      pieces.end()
    }
  }

  #endCall({ id }: OpenCall, { ok, content }: ToolOutcome, asset?: string): void {
    const event = { type: 'tool-ended', call: id, ok, content } as const
    const isCircle = repeats(step(this.#state, event, this.#answers).recent) >= toldAt
    const told = isCircle ? { ...event, content: withRemark(content) } : event
    this.#write({ ...told, ...(asset === undefined ? {} : { asset }) })
  }

  #unheard(): UserMessage[] {
    return this.#setting.controls.unheard(this.#state.heard)
  }

  #write(event: TaskEvent): void {
    this.#setting.log.write(event)
    this.#state = step(this.#state, event, this.#answers)
  }

  /** Aborted when the step that is going on must end. */
  #signal(): AbortSignal {
    return AbortSignal.any([this.#setting.controls.cut, this.#limit.over])
  }

  #lastWords(): string {
    const last = this.#state.placed.findLast(({ message }) => message.role === 'agent')?.message
    if (last?.role !== 'agent') return ''
    return last.blocks.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('\n')
  }
}

function ruleOf(tool: Tool, rules: Readonly<Record<string, ToolRule>>): ToolRule {
  return Object.hasOwn(rules, tool.name) ? rules[tool.name]! : tool.rule
}

function parseInput(tool: Tool, json: string): { input: unknown } | { wrong: string } {
  let input: unknown = {}
  try {
    if (json.trim() !== '') input = JSON.parse(json)
  } catch {
    return { wrong: 'It is no JSON. Where your answer was too long, it may have been cut: do it in smaller parts.' }
  }
  return tool.parse(input)
}

function failure(content: string): ToolOutcome {
  return { ok: false, content }
}

function whyCut(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : 'ended'
}

function asWords(error: unknown): string {
  const known = asMeshError(error)
  return known.code === 'INTERNAL' && error instanceof Error ? error.message : known.message
}

function excerpt(text: string): string {
  return text.length <= limits.toolShownChars ? text : `${text.slice(0, limits.toolShownChars).toWellFormed()}…`
}

/** What a tool prints is shown up to a limit; the rest is in its output. */
function capped(print: Pieces): ToolContext['print'] {
  let left: number = limits.toolOutputBytes
  return text => {
    if (left <= 0) return
    print.add(text.slice(0, left))
    left -= text.length
  }
}

function wait(why: string, waitMs: number): string {
  return waitMs === 0 ? `${why}.` : `${why} in ${Math.ceil(waitMs / 1_000)} s.`
}
