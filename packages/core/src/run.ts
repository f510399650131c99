/**
 * A run: its events, its states, and the pure functions over both.
 * The executor numbers the events (`seq` from 1, no gaps) under its fence; the hub only checks and stores.
 */
import * as v from 'valibot'
import { isErrorCode } from './errors.ts'
import { type Fence, type GateId, isAssetId, isId, type Seq } from './ids.ts'
import { limits } from './limits.ts'
import type { TaskEvent } from './task-events.ts'
import type { WorkflowEvent } from './workflow/workflow-events.ts'

export const runKinds = ['cell', 'task', 'workflow'] as const
export type RunKind = (typeof runKinds)[number]

const text = v.pipe(v.string(), v.maxLength(limits.runEventBytes))
const name = v.pipe(v.string(), v.maxLength(200))
const mimeType = v.pipe(v.string(), v.maxLength(200), v.regex(/^[\w.+-]+\/[\w.+-]+$/))
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** How large an image wants to be shown, in pixels of a page: what is drawn for sharp screens has more of its own. */
const pixels = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(20_000)))
const shownAs = { width: pixels, height: pixels }

/** One representation of a displayed value: small ones inline (text, or base64 for binary types), large ones by asset. */
export const mimePartSchema = v.variant('at', [
  v.object({ at: v.literal('inline'), mimeType, data: v.string(), ...shownAs }),
  v.object({ at: v.literal('asset'), mimeType, asset: v.custom<string>(isAssetId), bytes: count, ...shownAs }),
])
export type MimePart = v.InferOutput<typeof mimePartSchema>

export const runErrorSchema = v.object({
  /** The language's own name for it (`NameError`), or a code of the catalogue where Meshbook itself ended the run. */
  name,
  message: text,
  traceback: v.array(text),
  code: v.optional(v.custom<string>(isErrorCode)),
})
export type RunError = v.InferOutput<typeof runErrorSchema>

const at = v.pipe(v.number(), v.safeInteger())
const gate = v.custom<GateId>(text => isId('gate', text), 'expected a gate id')
export const gateNonceSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{16,64}$/))
export const gateDecisions = ['approved', 'rejected', 'expired'] as const
export type GateDecision = (typeof gateDecisions)[number]
/** Every event carries `at`: milliseconds since 1970 on the executor's clock. */
export const runEventSchema = v.variant('type', [
  /** `notice`: what the user should know of the kernel, for example that it is not the one that was asked for. */
  v.object({
    type: v.literal('started'),
    at,
    device: name,
    language: name,
    kernel: name,
    notice: v.optional(v.pipe(v.string(), v.maxLength(limits.problemTextChars))),
  }),
  v.object({ type: v.literal('stdout'), at, text }),
  v.object({ type: v.literal('stderr'), at, text }),
  v.object({
    type: v.literal('display'),
    at,
    id: v.optional(name),
    update: v.optional(v.boolean()),
    parts: v.array(mimePartSchema),
  }),
  v.object({ type: v.literal('result'), at, parts: v.array(mimePartSchema) }),
  v.object({ type: v.literal('clear'), at, wait: v.boolean() }),
  v.object({
    type: v.literal('input-request'),
    at,
    id: name,
    prompt: text,
    password: v.boolean(),
    /** The program has printed the prompt itself: it stands in the text. */
    printed: v.optional(v.boolean()),
  }),
  v.object({ type: v.literal('input-answered'), at, id: name }),
  /** A person is asked: these exact bytes, yes or no. Without `deciders` (names of users) whoever may run decides. */
  v.object({
    type: v.literal('gate-opened'),
    at,
    gate,
    nonce: gateNonceSchema,
    title: v.pipe(name, v.regex(/^\P{C}+$/u)),
    shown: v.pipe(v.string(), v.maxLength(limits.gateShownBytes)),
    expiresAt: at,
    deciders: v.optional(v.pipe(v.array(name), v.minLength(1), v.maxLength(limits.decidersPerGate))),
    /** Of a workflow: who approves chooses one of them, or fills in what fits the schema. */
    choices: v.optional(v.array(name)),
    form: v.optional(v.record(v.string(), v.unknown())),
  }),
  /** The executor has the decision: its receipt. */
  v.object({ type: v.literal('gate-decided'), at, gate, decision: v.picklist(gateDecisions), by: v.optional(name) }),
  /** The kernel host was replaced while the run went on; `lost` counts bytes of output that could not be kept. */
  v.object({ type: v.literal('reattached'), at, lost: count }),
  /**
   * The run goes on from a saved state under a new fence: what stands in the log after `fromSeq`, up to `lostAfter`, was
   * printed by a device that is lost, and may come again.
   */
  v.object({ type: v.literal('resumed'), at, device: name, fromSeq: count, lostAfter: count }),
  /** What an agent does (task-events.ts); who takes it in checks it there, and takes none for a cell. */
  v.object({
    type: v.literal('task'),
    at,
    event: v.custom<TaskEvent>(value => typeof value === 'object' && value !== null),
  }),
  /** What happens in a workflow (workflow/workflow-events.ts); for it the same holds. */
  v.object({
    type: v.literal('workflow'),
    at,
    event: v.custom<WorkflowEvent>(value => typeof value === 'object' && value !== null),
  }),
  v.object({ type: v.literal('completed'), at, durationMs: count }),
  v.object({ type: v.literal('failed'), at, durationMs: count, error: runErrorSchema }),
  v.object({ type: v.literal('cancelled'), at, durationMs: count, reason: text }),
  /** The holder vanished or its kernel died: the run may or may not have had its effects. */
  v.object({ type: v.literal('interrupted'), at, durationMs: count, reason: text }),
])
export type RunEvent = v.InferOutput<typeof runEventSchema>
export type RunEventType = RunEvent['type']

export interface NumberedEvent {
  seq: Seq
  event: RunEvent
}

const terminal = new Set<RunEventType>(['completed', 'failed', 'cancelled', 'interrupted'])
export function isTerminal(event: RunEvent): boolean {
  return terminal.has(event.type)
}

export type RunStatus =
  | 'queued'
  | 'leased'
  | 'running'
  | 'waiting-for-input'
  | 'waiting-for-gate'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'interrupted'
export const endedStatuses = ['completed', 'failed', 'cancelled', 'interrupted'] as const satisfies RunStatus[]

export function hasEnded(status: RunStatus): boolean {
  return (endedStatuses as readonly RunStatus[]).includes(status)
}

/** What a run's log says so far; a field exists only where it has a meaning. */
export type RunState =
  | { status: 'queued'; seq: 0 }
  | { status: 'leased'; seq: 0; fence: Fence }
  | { status: 'running'; seq: Seq; fence: Fence; startedAt: number }
  | {
      status: 'waiting-for-input'
      seq: Seq
      fence: Fence
      startedAt: number
      inputId: string
      prompt: string
      password: boolean
    }
  | { status: 'waiting-for-gate'; seq: Seq; fence: Fence; startedAt: number; gates: readonly GateId[] }
  | {
      status: 'completed' | 'failed' | 'cancelled' | 'interrupted'
      seq: Seq
      fence: Fence
      endedAt: number
      durationMs: number
      error?: RunError
    }

export const queued: RunState = { status: 'queued', seq: 0 }

export type RunInput = { type: 'leased'; fence: Fence } | { type: 'event'; fence: Fence; seq: Seq; event: RunEvent }

/** Why an input changes nothing. `duplicate` is harmless; the others are refused with the code of the same meaning. */
export type RunRefusal =
  | { refused: 'duplicate' }
  | { refused: 'stale-fence'; newest: Fence }
  | { refused: 'gap'; expected: number }
  | { refused: 'ended'; status: RunStatus }
  | { refused: 'not-leased' }
  | { refused: 'too-many-gates' }

/** The run state machine: pure; the same input twice changes nothing the second time (I5). */
export function stepRun(state: RunState, input: RunInput): RunState | RunRefusal {
  if ('endedAt' in state) {
    const again = input.type === 'event' && input.fence === state.fence && input.seq <= state.seq
    return again ? { refused: 'duplicate' } : { refused: 'ended', status: state.status }
  }
  return input.type === 'leased' ? lease(state, input.fence) : append(state, input)
}

function lease(state: Exclude<RunState, { endedAt: number }>, fence: Fence): RunState | RunRefusal {
  if (state.status === 'queued') return { status: 'leased', seq: 0, fence }
  if (fence === state.fence) return { refused: 'duplicate' }
  if (fence < state.fence) return { refused: 'stale-fence', newest: state.fence }
  return { ...state, fence }
}

function append(
  state: Exclude<RunState, { endedAt: number }>,
  input: { fence: Fence; seq: Seq; event: RunEvent },
): RunState | RunRefusal {
  if (state.status === 'queued') return { refused: 'not-leased' }
  if (input.fence !== state.fence) return { refused: 'stale-fence', newest: state.fence }
  if (input.seq <= state.seq) return { refused: 'duplicate' }
  if (input.seq !== state.seq + 1) return { refused: 'gap', expected: state.seq + 1 }
  const opens = input.event.type === 'gate-opened'
  if (opens && gatesOf(state).length >= limits.gatesPerRun) return { refused: 'too-many-gates' }
  return afterEvent(state, input.seq, input.event)
}

type Going = Exclude<RunState, { endedAt: number } | { status: 'queued' }>

/** Gates that the run waits for. */
export function gatesOf(state: RunState): readonly GateId[] {
  return state.status === 'waiting-for-gate' ? state.gates : []
}

function waitingFor(gates: readonly GateId[], rest: { seq: Seq; fence: Fence; startedAt: number }): RunState {
  return gates.length === 0 ? { status: 'running', ...rest } : { status: 'waiting-for-gate', ...rest, gates }
}

function afterEvent(state: Going, seq: Seq, event: RunEvent): RunState {
  const { fence } = state
  const startedAt = state.status === 'leased' ? event.at : state.startedAt
  switch (event.type) {
    case 'completed':
    case 'failed':
    case 'cancelled':
    case 'interrupted': {
      const ended = { status: event.type, seq, fence, endedAt: event.at, durationMs: event.durationMs }
      return event.type === 'failed' ? { ...ended, error: event.error } : ended
    }
    case 'gate-opened':
      return waitingFor([...gatesOf(state).filter(id => id !== event.gate), event.gate], { seq, fence, startedAt })
    case 'gate-decided':
      if (state.status !== 'waiting-for-gate') break
      return waitingFor(
        state.gates.filter(id => id !== event.gate),
        { seq, fence, startedAt },
      )
    case 'input-request':
      if (state.status === 'waiting-for-gate') break
      return {
        status: 'waiting-for-input',
        seq,
        fence,
        startedAt,
        inputId: event.id,
        prompt: event.prompt,
        password: event.password,
      }
    case 'input-answered':
      if (state.status === 'waiting-for-gate') break
      return { status: 'running', seq, fence, startedAt }
  }
  const waits = state.status === 'waiting-for-input' || state.status === 'waiting-for-gate'
  return waits ? { ...state, seq } : { status: 'running', seq, fence, startedAt }
}
