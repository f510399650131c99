/**
 * The state of an agent as a fold over its task events (AL1): what the model is to be sent, which tool calls are open,
 * what was used. Pure: whoever has the log has the state.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { type Block, blockSchema, type TaskEvent, type Usage } from '@meshbook/core/task-events.ts'
import * as v from 'valibot'
import { addUsage, type Message, noUsage, type ToolResult, tokensOf } from './model.ts'
import { recentMost, withoutRemark } from './repeats.ts'

export interface OpenCall {
  id: string
  tool: string
  /** JSON, as the model wrote it. */
  input: string
  /** Its tool had begun: it may have done what it does. */
  began: boolean
}

type Workspace = Extract<TaskEvent, { type: 'workspace' }>

export interface AgentState {
  workspace: Workspace | undefined
  /** The conversation, each message with the turn that it belongs to. */
  placed: readonly { turn: number; message: Message }[]
  /** The last that has ended. */
  turn: number
  /** Of the model that was asked last. */
  model: string
  /** Calls of the last answer that have not ended, in their order. */
  calls: readonly OpenCall[]
  /** Answers to those that have. */
  results: readonly ToolResult[]
  /** What the user said while calls were open: it follows on their answers. */
  held: readonly string[]
  /** What is to be done once no call is open. */
  next: 'ask' | 'done' | 'refused'
  usage: Usage
  microUsd: number
  /** What the last question and its answer took of the model's window. */
  contextTokens: number
  heard: ReadonlySet<string>
  /** The first message of the user; it survives every summary. */
  first: string | undefined
  stands: { by: string; interrupted: boolean } | undefined
  /** The last calls with their results, for finding circles. */
  recent: readonly string[]
  checkpointTurn: number
}

export const unborn: AgentState = {
  workspace: undefined,
  placed: [],
  turn: 0,
  model: '',
  calls: [],
  results: [],
  held: [],
  next: 'ask',
  usage: noUsage,
  microUsd: 0,
  contextTokens: 0,
  heard: new Set(),
  first: undefined,
  stands: undefined,
  recent: [],
  checkpointTurn: 0,
}

/** What answers that are too large for an event say, by their asset. */
export type AnswerTexts = ReadonlyMap<string, string>

export function fold(events: Iterable<TaskEvent>, answers: AnswerTexts, from: AgentState = unborn): AgentState {
  let state = from
  for (const event of events) state = step(state, event, answers)
  return state
}

/** Assets without which the events cannot be folded. */
export function answersOf(events: Iterable<TaskEvent>): string[] {
  return [...events].flatMap(event => (event.type === 'turn-ended' && event.asset !== undefined ? [event.asset] : []))
}

export function conversation(state: AgentState): Message[] {
  return state.placed.map(({ message }) => message)
}

export function step(state: AgentState, event: TaskEvent, answers: AnswerTexts): AgentState {
  switch (event.type) {
    case 'workspace':
      return { ...state, workspace: event }
    case 'heard':
      return hear(state, event)
    case 'turn-began':
      return { ...state, model: event.model }
    case 'turn-ended':
      return endTurn(state, event, answers)
    case 'tool-began':
      return { ...state, calls: state.calls.map(call => (call.id === event.call ? { ...call, began: true } : call)) }
    case 'tool-ended':
      return endCall(state, event)
    case 'compacted':
      return compact(state, event)
    case 'checkpoint':
      return { ...state, checkpointTurn: event.turn }
    case 'paused':
      return { ...state, stands: { by: event.by, interrupted: event.interrupted ?? false } }
    case 'unpaused':
      return { ...state, stands: undefined }
    default:
      return state
  }
}

function hear(state: AgentState, { id, text }: Extract<TaskEvent, { type: 'heard' }>): AgentState {
  if (state.heard.has(id)) return state
  const heard = new Set(state.heard).add(id)
  const next = { ...state, heard, first: state.first ?? text, next: 'ask' as const, recent: [] }
  if (state.calls.length > 0) return { ...next, held: [...state.held, text] }
  return place(next, state.turn + 1, { role: 'user', text })
}

function place(state: AgentState, turn: number, ...messages: Message[]): AgentState {
  return { ...state, placed: [...state.placed, ...messages.map(message => ({ turn, message }))] }
}

/** Said to a model whose answer was cut at its greatest length. */
export const goOn = 'Your answer was cut because it was too long. Go on where it ends.'

function endTurn(
  state: AgentState,
  event: Extract<TaskEvent, { type: 'turn-ended' }>,
  answers: AnswerTexts,
): AgentState {
  if (event.turn <= state.turn) return state
  const blocks = blocksOf(event, answers)
  const calls = blocks.flatMap(block =>
    block.type === 'tool-call' ? [{ id: block.id, tool: block.tool, input: block.input, began: false }] : [],
  )
  const ended: AgentState = {
    ...state,
    turn: event.turn,
    calls,
    results: [],
    next: calls.length > 0 || event.stop === 'length' ? 'ask' : event.stop === 'refused' ? 'refused' : 'done',
    usage: addUsage(state.usage, event.usage),
    microUsd: state.microUsd + event.microUsd,
    contextTokens: tokensOf(event.usage),
  }
  const said = blocks.length === 0 ? ended : place(ended, event.turn, { role: 'agent', model: state.model, blocks })
  return event.stop === 'length' && calls.length === 0 ? place(said, event.turn, { role: 'user', text: goOn }) : said
}

const blocksSchema = v.pipe(v.string(), v.parseJson(), v.array(blockSchema))

function blocksOf(event: Extract<TaskEvent, { type: 'turn-ended' }>, answers: AnswerTexts): Block[] {
  const text = event.blocks ?? (event.asset === undefined ? undefined : answers.get(event.asset))
  if (text === undefined) throw new MeshError('NOT_FOUND', { detail: `the answer of turn ${event.turn} is missing` })
  const parsed = v.safeParse(blocksSchema, text)
  if (!parsed.success) throw new MeshError('BAD_MESSAGE', { detail: `the answer of turn ${event.turn} is damaged` })
  return parsed.output
}

function endCall(state: AgentState, event: Extract<TaskEvent, { type: 'tool-ended' }>): AgentState {
  const call = state.calls.find(({ id }) => id === event.call)
  if (!call) return state
  const { ok, content } = event
  const calls = state.calls.filter(other => other !== call)
  const results = [...state.results, { call: call.id, ok, content }]
  const trace = JSON.stringify([call.tool, call.input, withoutRemark(content)])
  const ended = { ...state, calls, results, recent: [...state.recent, trace].slice(-recentMost) }
  if (calls.length > 0) return ended
  const answered = place({ ...ended, results: [], held: [] }, state.turn, { role: 'tools', results })
  return place(answered, state.turn + 1, ...state.held.map(text => ({ role: 'user' as const, text })))
}

function compact(state: AgentState, event: Extract<TaskEvent, { type: 'compacted' }>): AgentState {
  const text = `${state.first ?? ''}\n\n---\nWhat was done so far, in short, because it was too long to be kept in whole:\n\n${event.summary}\n\n---\nGo on from there.`
  const rest = state.placed.filter(({ turn }) => turn > event.turn)
  return {
    ...state,
    placed: [{ turn: event.turn, message: { role: 'user', text } }, ...rest],
    usage: addUsage(state.usage, event.usage ?? noUsage),
    microUsd: state.microUsd + (event.microUsd ?? 0),
    contextTokens: 0,
  }
}
