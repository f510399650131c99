/**
 * What people see of a task: a fold over the events of its run, the same for every page and the command line. Pure.
 * Events that were taken already change nothing, so a stream that was cut goes on wherever it likes; and whatever has
 * come so far can be drawn.
 */
import * as v from 'valibot'
import { limits } from './limits.ts'
import type { GateDecision, NumberedEvent, RunEvent } from './run.ts'
import { type Block, blockSchema, type TaskEvent, type Usage } from './task-events.ts'

interface Item {
  /** The same as long as it is the same thing; no two items have one. */
  key: string
  at: number
}

/** Of a person, heard by the agent; `turn` is the one at which, undefined until that begins. */
export interface MessageItem extends Item {
  kind: 'message'
  id: string
  by: string
  text: string
  turn: number | undefined
}
/** One question to the model and what came of it. */
export interface TurnItem extends Item {
  kind: 'turn'
  turn: number
  model: string
  state: 'going' | 'ended' | 'cut'
  usage: Usage | undefined
  microUsd: number
  stop: Extract<TaskEvent, { type: 'turn-ended' }>['stop'] | undefined
  /** Where all of the answer is, if it was too large for the log. */
  asset: string | undefined
}
export interface SaidItem extends Item {
  kind: 'said'
  turn: number
  as: 'text' | 'thinking'
  text: string
  /** `coming`: more of it may come; `cut`: nothing does, and it is no part of what was said in the end. */
  state: 'coming' | 'cut' | 'whole'
}
export interface ToolItem extends Item {
  kind: 'tool'
  call: string
  turn: number
  tool: string
  /** What it does, in a form for people: the command, the file. */
  shown: string
  /** As the model wrote it; '' where that is not known. */
  input: string
  state: 'wanted' | 'running' | 'ok' | 'failed' | 'cut'
  /** While it works, what it printed last; afterwards what the model was told. */
  output: string
  asset: string | undefined
  /** Where it does it, if that is a run of its own. */
  run: string | undefined
  beganAt: number | undefined
  endedAt: number | undefined
}
export interface ApprovalItem extends Item {
  kind: 'approval'
  gate: string
  title: string
  shown: string
  expiresAt: number
  decision: GateDecision | undefined
  by: string | undefined
  decidedAt: number | undefined
}
export interface QuestionItem extends Item {
  kind: 'question'
  id: string
  prompt: string
  answered: boolean
}
export interface CheckpointItem extends Item {
  kind: 'checkpoint'
  turn: number
  commit: string
  files: number
  added: number
  removed: number
}
/** What is one line and never changes. */
export type NoteItem = Item &
  (
    | { kind: 'workspace'; repo: string; branch: string; base: string; agent: string }
    | { kind: 'compacted'; turn: number; summary: string }
    | { kind: 'artifact'; name: string; asset: string; bytes: number }
    | { kind: 'pushed'; branch: string; commit: string }
    | { kind: 'pull-request'; url: string; number: number }
    | { kind: 'paused'; by: string; interrupted: boolean }
    | { kind: 'unpaused'; by: string }
    | { kind: 'notice'; text: string }
    | { kind: 'replaced'; reason: string }
    | { kind: 'finished'; outcome: 'done' | 'failed' | 'stopped'; summary: string }
    | { kind: 'end'; status: 'completed' | 'failed' | 'cancelled' | 'interrupted'; reason: string; durationMs: number }
  )

export type TranscriptItem =
  | MessageItem
  | TurnItem
  | SaidItem
  | ToolItem
  | ApprovalItem
  | QuestionItem
  | CheckpointItem
  | NoteItem

export interface Transcript {
  /** Of the last event that was taken. */
  seq: number
  /** The last that began. */
  turn: number
  paused: boolean
  ended: boolean
  items: readonly TranscriptItem[]
  /** What items of the answer that is going on are named after. */
  answer: string
}

export const noTranscript: Transcript = { seq: 0, turn: 0, paused: false, ended: false, items: [], answer: 's0' }

/** With what these events say; those that it has are passed over. The items that did not change stay the same objects. */
export function addToTranscript(before: Transcript, events: readonly NumberedEvent[]): Transcript {
  const fresh = new Draft(before)
  for (const { seq, event } of events) if (seq > fresh.seq) fresh.take(seq, event)
  return fresh.seq === before.seq ? before : fresh.done()
}

const blocksSchema = v.pipe(v.string(), v.parseJson(), v.array(blockSchema))

/** One transcript on its way to the next: its list is its own, its items are never changed in place. */
class Draft {
  seq: number
  #turn: number
  #paused: boolean
  #ended: boolean
  #answer: string
  readonly #items: TranscriptItem[]

  constructor({ seq, turn, paused, ended, items, answer }: Transcript) {
    this.seq = seq
    this.#turn = turn
    this.#paused = paused
    this.#ended = ended
    this.#items = [...items]
    this.#answer = answer
  }

  done(): Transcript {
    return {
      seq: this.seq,
      turn: this.#turn,
      paused: this.#paused,
      ended: this.#ended,
      items: this.#items,
      answer: this.#answer,
    }
  }

  take(seq: number, event: RunEvent): void {
    this.seq = seq
    if (this.#ended) return
    const item = { key: String(seq), at: event.at }
    switch (event.type) {
      case 'task':
        this.#task(item, event.event)
        break
      case 'gate-opened': {
        const { gate, title, shown, expiresAt } = event
        const open = { decision: undefined, by: undefined, decidedAt: undefined }
        this.#add({ ...item, kind: 'approval', gate, title, shown, expiresAt, ...open })
        break
      }
      case 'gate-decided': {
        const { gate, decision, by, at } = event
        this.#change('approval', one => one.gate === gate, { decision, by, decidedAt: at })
        break
      }
      case 'input-request':
        this.#add({ ...item, kind: 'question', id: event.id, prompt: event.prompt, answered: false })
        break
      case 'input-answered':
        this.#change('question', one => one.id === event.id, { answered: true })
        break
      case 'completed':
      case 'failed':
      case 'cancelled':
      case 'interrupted': {
        const reason = event.type === 'failed' ? event.error.message : event.type === 'completed' ? '' : event.reason
        this.#cutAll()
        this.#ended = true
        this.#add({ ...item, kind: 'end', status: event.type, reason, durationMs: event.durationMs })
      }
    }
  }

  #task(item: Item, event: TaskEvent): void {
    switch (event.type) {
      case 'heard': {
        const { id, by, text } = event
        this.#add({ ...item, kind: 'message', id, by, text, turn: undefined })
        break
      }
      case 'turn-began':
        this.#begin(item, event)
        break
      case 'said':
        this.#said(item, event)
        break
      case 'turn-ended':
        this.#endTurn(item, event)
        break
      case 'tool-began':
        this.#beginTool(item, event)
        break
      case 'tool-printed':
        this.#change(
          'tool',
          one => one.call === event.call && one.state === 'running',
          one => ({
            output: (one.output + event.text).slice(-limits.toolOutputBytes),
          }),
        )
        break
      case 'tool-run':
        this.#change('tool', one => one.call === event.call && one.state === 'running', { run: event.run })
        break
      case 'tool-ended':
        this.#endTool(item, event)
        break
      case 'checkpoint': {
        const { turn, commit, files, added, removed } = event
        this.#add({ ...item, kind: 'checkpoint', turn, commit, files, added, removed })
        break
      }
      case 'paused':
        this.#paused = true
        this.#add({ ...item, kind: 'paused', by: event.by, interrupted: event.interrupted ?? false })
        break
      case 'unpaused':
        this.#paused = false
        this.#add({ ...item, kind: 'unpaused', by: event.by })
        break
      case 'worker-replaced':
        this.#cutAll()
        this.#add({ ...item, kind: 'replaced', reason: event.reason })
        break
      default:
        this.#note(item, event)
    }
  }

  #note(item: Item, event: TaskEvent): void {
    switch (event.type) {
      case 'workspace': {
        const { repo, branch, base, agent } = event
        this.#add({ ...item, kind: 'workspace', repo, branch, base, agent })
        break
      }
      case 'compacted':
        this.#add({ ...item, kind: 'compacted', turn: event.turn, summary: event.summary })
        break
      case 'artifact':
        this.#add({ ...item, kind: 'artifact', name: event.name, asset: event.asset, bytes: event.bytes })
        break
      case 'pushed':
        this.#add({ ...item, kind: 'pushed', branch: event.branch, commit: event.commit })
        break
      case 'pull-request':
        this.#add({ ...item, kind: 'pull-request', url: event.url, number: event.number })
        break
      case 'notice':
        this.#add({ ...item, kind: 'notice', text: event.text })
        break
      case 'finished':
        this.#add({ ...item, kind: 'finished', outcome: event.outcome, summary: event.summary })
    }
  }

  /** An answer that did not come to its end is asked for again under the same number: of it nothing stays. */
  #begin(item: Item, { turn, model }: Extract<TaskEvent, { type: 'turn-began' }>): void {
    this.#drop(one => isUnfinished(one) && one.turn === turn)
    this.#turn = turn
    this.#answer = `a${item.key}`
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const one = this.#items[at]!
      if (one.kind === 'turn') break
      if (one.kind === 'message' && one.turn === undefined) this.#items[at] = { ...one, turn }
    }
    const open = { state: 'going', usage: undefined, microUsd: 0, stop: undefined, asset: undefined } as const
    this.#add({ ...item, kind: 'turn', turn, model, ...open })
  }

  #said({ at }: Item, { turn, as, text }: Extract<TaskEvent, { type: 'said' }>): void {
    const last = this.#items.at(-1)
    if (last?.kind === 'said' && last.state === 'coming' && last.as === as && last.turn === turn)
      this.#items[this.#items.length - 1] = { ...last, text: last.text + text }
    else this.#add({ key: this.#nextSaid(), at, kind: 'said', turn, as, text, state: 'coming' })
  }

  /** What was said in pieces gives way to the whole answer, at the same place. */
  #endTurn(item: Item, event: Extract<TaskEvent, { type: 'turn-ended' }>): void {
    const { turn, usage, microUsd, stop, asset } = event
    const parsed = v.safeParse(blocksSchema, event.blocks)
    if (parsed.success) {
      this.#drop(one => one.kind === 'said' && one.state === 'coming')
      for (const [n, block] of parsed.output.entries())
        this.#addBlock({ ...item, key: `${item.key}.${n}` }, turn, block)
    } else this.#changeAll(one => (one.kind === 'said' && one.state === 'coming' ? { ...one, state: 'whole' } : one))
    this.#answer = `s${item.key}`
    const ended = { state: 'ended', usage, microUsd, stop, asset } as const
    this.#change('turn', one => one.turn === turn && one.state === 'going', ended)
  }

  #addBlock(item: Item, turn: number, block: Block): void {
    if (block.type === 'tool-call')
      this.#add({ ...noTool, ...item, call: block.id, turn, tool: block.tool, input: block.input })
    else if (block.text.trim() !== '')
      this.#add({
        key: this.#nextSaid(),
        at: item.at,
        kind: 'said',
        turn,
        as: block.type,
        text: block.text,
        state: 'whole',
      })
  }

  #beginTool(item: Item, { turn, call, tool, shown }: Extract<TaskEvent, { type: 'tool-began' }>): void {
    const at = this.#last('tool', one => one.call === call && (one.state === 'wanted' || one.state === 'cut'))
    const known = at < 0 ? { ...noTool, ...item, call } : (this.#items[at] as ToolItem)
    const running: ToolItem = { ...known, turn, tool, shown, state: 'running', output: '', beganAt: item.at }
    if (at < 0) this.#add(running)
    else this.#items[at] = running
  }

  /** Where the call did not begin, it was refused. */
  #endTool(item: Item, { call, ok, content, asset }: Extract<TaskEvent, { type: 'tool-ended' }>): void {
    const ended = { state: ok ? 'ok' : 'failed', output: content, asset, endedAt: item.at } as const
    const at = this.#last('tool', one => one.call === call && one.state !== 'ok' && one.state !== 'failed')
    if (at < 0) this.#add({ ...noTool, ...item, call, turn: this.#turn, ...ended })
    else this.#items[at] = { ...(this.#items[at] as ToolItem), ...ended }
  }

  /** Nothing more comes of what is going on now. */
  #cutAll(): void {
    this.#changeAll(one => {
      if (one.kind === 'said' && one.state === 'coming') return { ...one, state: 'cut' }
      if (one.kind === 'turn' && one.state === 'going') return { ...one, state: 'cut' }
      if (one.kind === 'tool' && (one.state === 'running' || one.state === 'wanted')) return { ...one, state: 'cut' }
      return one
    })
  }

  #nextSaid(): string {
    const prefix = `${this.#answer}.`
    let n = 0
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const { key, kind } = this.#items[at]!
      if (kind === 'turn') break
      if (key.startsWith(prefix)) n = Math.max(n, Number(key.slice(prefix.length)) + 1)
    }
    return prefix + n
  }

  #add(item: TranscriptItem): void {
    this.#items.push(item)
  }

  #drop(which: (item: TranscriptItem) => boolean): void {
    // What can go stands behind the last turn that ended.
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const one = this.#items[at]!
      if (which(one)) this.#items.splice(at, 1)
      else if (one.kind === 'turn' && one.state === 'ended') return
    }
  }

  #changeAll(to: (item: TranscriptItem) => TranscriptItem): void {
    for (const [at, item] of this.#items.entries()) this.#items[at] = to(item)
  }

  #last<K extends TranscriptItem['kind']>(kind: K, is: (item: Of<K>) => boolean): number {
    return this.#items.findLastIndex(item => item.kind === kind && is(item as Of<K>))
  }

  #change<K extends TranscriptItem['kind']>(
    kind: K,
    is: (item: Of<K>) => boolean,
    to: Partial<Of<K>> | ((item: Of<K>) => Partial<Of<K>>),
  ): void {
    const at = this.#last(kind, is)
    if (at < 0) return
    const item = this.#items[at] as Of<K>
    this.#items[at] = { ...item, ...(typeof to === 'function' ? to(item) : to) }
  }
}

type Of<K extends TranscriptItem['kind']> = Extract<TranscriptItem, { kind: K }>

const noTool = {
  kind: 'tool',
  tool: '',
  shown: '',
  input: '',
  state: 'wanted',
  output: '',
  asset: undefined,
  run: undefined,
  beganAt: undefined,
  endedAt: undefined,
} as const

/** Of an answer that has not come to its end. */
function isUnfinished(item: TranscriptItem): item is SaidItem | TurnItem {
  return (item.kind === 'turn' && item.state !== 'ended') || (item.kind === 'said' && item.state !== 'whole')
}

/** It can still become another one. */
export function isOpen(item: TranscriptItem): boolean {
  switch (item.kind) {
    case 'said':
      return item.state !== 'whole'
    case 'turn':
      return item.state !== 'ended'
    case 'tool':
      return item.state !== 'ok' && item.state !== 'failed'
    case 'approval':
      return item.decision === undefined
    case 'question':
      return !item.answered
    case 'message':
      return item.turn === undefined
    default:
      return false
  }
}
