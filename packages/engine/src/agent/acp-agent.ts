/**
 * A program of somebody else as the agent of a task: it speaks the Agent Client Protocol over its standard input and
 * output (AL50–AL52). What it says and does becomes task events; what it asks for goes to people and to the workspace.
 */
import { Readable } from 'node:stream'
import {
  type ClientConnection,
  client,
  methods,
  ndJsonStream,
  PROTOCOL_VERSION,
  type PromptResponse,
  RequestError,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
  type SessionUpdate,
  type ToolCallContent,
  type ToolKind,
} from '@agentclientprotocol/sdk'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { Budget, ToolRule } from '@meshbook/core/tasks-api.ts'
import { type Agreed, covers, type Deed, shownOf } from './acp-agreement.ts'
import { AcpTerminals } from './acp-terminals.ts'
import { askPeople, questionOf } from './approval.ts'
import type { Controls, UserMessage } from './controls.ts'
import { type AgentState, answersOf, conversation, fold, step } from './fold.ts'
import { limitReached, timeIsOver } from './limits-of-task.ts'
import { noUsage, type StopReason } from './model.ts'
import { Pieces } from './pieces.ts'
import type { People, TaskAssets, TaskLog, Time } from './ports.ts'
import type { AgentEnd } from './run-agent.ts'
import { standStill } from './stand-still.ts'
import { TimeLimit } from './time-limit.ts'
import { shortened } from './tool-output.ts'
import type { RunningCommand, Workspace } from './workspace.ts'

/** How the program comes to its model: only while it has a prompt (AL53). */
export interface AcpModels {
  /** Variables that say where it is; asked for with each start of the program. */
  open(): Promise<Readonly<Record<string, string>>>
  let(may: boolean): void
  /** Aborted when nothing is left to pay with; its reason is why, in words. */
  usedUp: AbortSignal
}

export interface AcpSetting {
  /** Under which it is in the log. */
  name: string
  argv: readonly string[]
  env?: Readonly<Record<string, string>>
  events: readonly TaskEvent[]
  first: UserMessage
  /** Said before its first prompt: where it is, and what becomes of its work. */
  preface?: string
  models?: AcpModels
  workspace: Workspace
  /** By the names of our own tools: `read`, `search`, `write`, `shell`, `fetch`, `other`. */
  rules: Readonly<Record<string, ToolRule>>
  budget: Budget
  startedAt: number
  log: TaskLog
  assets: TaskAssets
  people: People
  controls: Controls
  time: Time
  afterTurn?: (turn: number, write: (event: TaskEvent) => void) => Promise<void>
}

/** Fails only where the log or the store does: then another worker goes on. */
export async function runAcpAgent(setting: AcpSetting): Promise<AgentEnd> {
  const answers = new Map<string, string>()
  for (const asset of answersOf(setting.events))
    answers.set(asset, Buffer.from(await setting.assets.load(asset)).toString('utf8'))
  using limit = new TimeLimit(setting)
  const agent = new AcpAgent(setting, fold(setting.events, answers), limit.over)
  try {
    const end = await agent.run()
    await setting.log.flush()
    return end
  } finally {
    await agent.close()
  }
}

/** How long a prompt that is cancelled may take to end. */
const cancelMs = 10_000
const lastWordsChars = 2_000
/** What was agreed to and never done is forgotten. */
const agreedMost = 20

/** The program itself failed, and not what is around it. */
class AgentFailed extends Error {}

class AcpAgent {
  readonly #setting: AcpSetting
  readonly #over: AbortSignal
  readonly #closed = new AbortController()
  readonly #terminals: AcpTerminals
  #state: AgentState
  #running: RunningCommand | undefined
  #connection: ClientConnection | undefined
  #session = ''
  #stderr = ''
  #turn: Turn | undefined
  /** What people agreed to when the program asked, and what it has not done so far. */
  #agreed: Agreed[] = []
  #asks = 0

  constructor(setting: AcpSetting, state: AgentState, over: AbortSignal) {
    this.#setting = setting
    this.#state = state
    this.#over = over
    this.#terminals = new AcpTerminals(setting.workspace, this.#closed.signal)
    setting.controls.message(setting.first)
  }

  async run(): Promise<AgentEnd> {
    try {
      for (;;) {
        const cut = await this.#standStill()
        if (cut) return cut
        const said = this.#hear()
        const end = this.#end()
        if (end) return end
        const ended = await this.#prompt(await this.#promptText(said))
        if (ended) await this.#setting.afterTurn?.(this.#state.turn, event => this.#write(event))
      }
    } catch (error) {
      if (!(error instanceof AgentFailed)) throw error
      const spent = this.#spent()
      if (spent) return spent
      const words = this.#stderr.trim() === '' ? '' : `\n${this.#stderr.trim()}`
      return {
        as: 'failed',
        error: new MeshError('KERNEL_DIED', { detail: `${error.message}${words}`, cause: error.cause }),
      }
    }
  }

  async close(): Promise<void> {
    this.#connection?.close()
    this.#closed.abort()
    await this.#terminals.close()
    await this.#running?.ended.catch(() => undefined)
  }

  async #standStill(): Promise<AgentEnd | undefined> {
    const { controls, log, budget } = this.#setting
    const cut = await standStill({
      state: () => this.#state,
      write: event => this.#write(event),
      controls,
      log,
      over: this.#over,
      onInterrupt: () => undefined,
    })
    if (cut === 'over') return { as: 'limit', ...timeIsOver(budget) }
    return cut && { as: 'stopped', by: cut.stoppedBy }
  }

  #hear(): string[] {
    const messages = this.#setting.controls.unheard(this.#state.heard)
    for (const { id, by, text } of messages) this.#write({ type: 'heard', id, by, text })
    return messages.map(({ text }) => text)
  }

  #spent(): AgentEnd | undefined {
    const usedUp = this.#setting.models?.usedUp
    return usedUp?.aborted ? { as: 'limit', limit: 'cost', reason: String(usedUp.reason) } : undefined
  }

  #end(): AgentEnd | undefined {
    const spent = this.#spent()
    if (spent) return spent
    const { next } = this.#state
    if (next === 'done') return { as: 'done', text: lastWords(this.#state) }
    if (next === 'refused')
      return { as: 'failed', error: new MeshError('BAD_REQUEST', { detail: 'the agent refused to go on' }) }
    const { budget, startedAt, time } = this.#setting
    const limit = limitReached(this.#state, budget, time.clock() - startedAt)
    return limit ? { as: 'limit', ...limit } : undefined
  }

  /** Its first prompt tells a new program all that another was told before. */
  async #promptText(said: readonly string[]): Promise<string> {
    if (this.#connection) return said.length > 0 ? said.join('\n\n') : 'Go on where you were.'
    await this.#begin()
    const { preface, events } = this.#setting
    const isAnew = events.some(({ type }) => type === 'turn-began')
    if (isAnew) this.#write({ type: 'notice', text: begunAnew })
    const text = isAnew
      ? retold(this.#state, saidInLastTurn(events))
      : conversation(this.#state).flatMap(userText).join('\n\n')
    return preface === undefined ? text : `${preface}\n\n---\n\n${text}`
  }

  async #begin(): Promise<void> {
    const { workspace, argv, env, models } = this.#setting
    const place = { argv, env: { ...env, ...(await models?.open()) } }
    models?.let(true)
    const running = await workspace.start(place, this.#closed.signal).catch(error => {
      throw new AgentFailed(`The agent cannot be started: ${asMeshError(error).message}`, { cause: error })
    })
    this.#running = running
    const stream = ndJsonStream(inputOf(running), this.#outputOf(running), { maxMessageBytes: limits.acpMessageBytes })
    this.#connection = this.#client().connect(stream)
    const { agent } = this.#connection
    const begun = (async () => {
      const clientCapabilities = { fs: { readTextFile: true, writeTextFile: true }, terminal: true }
      const clientInfo = { name: 'meshbook', version: '1' }
      await agent.request(methods.agent.initialize, {
        protocolVersion: PROTOCOL_VERSION,
        clientCapabilities,
        clientInfo,
      })
      return agent.request(methods.agent.session.new, { cwd: workspace.root, mcpServers: [] })
    })()
    const { sessionId } = await this.#answered(begun, AbortSignal.timeout(limits.acpStartMs), 'did not begin in time')
    this.#session = sessionId
  }

  /** The answer of the program, unless it ends or takes too long. */
  async #answered<T>(answer: Promise<T>, late: AbortSignal, whyLate: string): Promise<T> {
    const gone = this.#running!.ended.then(({ code, signal }) => {
      throw new AgentFailed(`The agent ended (${signal ?? `exit code ${code}`}).`)
    })
    const tooLate = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(new AgentFailed(`The agent ${whyLate}.`)), { once: true })
    })
    const failed = answer.catch(async error => {
      // It may have been cut off because the program is ending, which says more.
      await Promise.race([gone, new Promise(resolve => setTimeout(resolve, 200))])
      throw new AgentFailed(`The agent failed: ${(error as Error).message}`, { cause: error })
    })
    gone.catch(() => undefined)
    tooLate.catch(() => undefined)
    return Promise.race([failed, gone, tooLate])
  }

  /** Whether the turn came to its end. A prompt that was cancelled has none: it is asked again, or something else is. */
  async #prompt(text: string): Promise<boolean> {
    const { name, controls, log, models } = this.#setting
    const turn = new Turn(this.#state.turn + 1, event => this.#write(event), this.#setting.assets)
    this.#turn = turn
    this.#write({ type: 'turn-began', turn: turn.number, model: name })
    await log.flush()
    const { agent } = this.#connection!
    const cut = AbortSignal.any([controls.cut, this.#over, ...(models ? [models.usedUp] : [])])
    const late = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const cancel = () => {
      void agent.notify(methods.agent.session.cancel, { sessionId: this.#session })
      timer = setTimeout(() => late.abort(), cancelMs)
    }
    cut.addEventListener('abort', cancel, { once: true })
    if (cut.aborted) cancel()
    models?.let(true)
    try {
      const prompt = [{ type: 'text' as const, text }]
      const request = { sessionId: this.#session, prompt }
      const asked: Promise<PromptResponse> = agent.request(methods.agent.session.prompt, request)
      const { stopReason } = await this.#answered(asked, late.signal, 'did not stop when it was told to')
      await turn.settle()
      if (stopReason === 'cancelled') return false
      turn.end(stopReason === 'max_tokens' ? 'length' : stopReason === 'refusal' ? 'refused' : 'done')
      return true
    } finally {
      models?.let(false)
      cut.removeEventListener('abort', cancel)
      clearTimeout(timer)
      this.#turn = undefined
    }
  }

  #client() {
    return client({ name: 'meshbook' })
      .onNotification(methods.client.session.update, ({ params }) => this.#turn?.take(params.update))
      .onRequest(methods.client.session.requestPermission, ({ params }) => this.#permission(params))
      .onRequest(methods.client.fs.readTextFile, async ({ params }) => {
        await this.#mustBeAgreed({ tool: 'read', path: params.path })
        const text = Buffer.from(await this.#asked(this.#setting.workspace.read(params.path))).toString('utf8')
        return { content: linesOf(text, params.line ?? undefined, params.limit ?? undefined) }
      })
      .onRequest(methods.client.fs.writeTextFile, async ({ params }) => {
        await this.#mustBeAgreed({ tool: 'write', path: params.path, content: params.content })
        await this.#asked(this.#setting.workspace.write(params.path, Buffer.from(params.content)))
        return {}
      })
      .onRequest(
        methods.client.terminal.create,
        async ({ params: { command, args = [], env = [], cwd, outputByteLimit } }) => {
          const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]))
          const place = cwd ? { cwd } : {}
          await this.#mustBeAgreed({ tool: 'shell', argv: [command, ...args], ...place, env: variables })
          const made = this.#terminals.create(
            { argv: [command, ...args], env: variables, ...place },
            outputByteLimit ?? undefined,
          )
          return { terminalId: await this.#asked(made) }
        },
      )
      .onRequest(methods.client.terminal.output, ({ params }) => this.#terminals.output(params.terminalId))
      .onRequest(methods.client.terminal.waitForExit, ({ params }) => this.#terminals.ended(params.terminalId))
      .onRequest(methods.client.terminal.kill, ({ params }) => {
        this.#terminals.kill(params.terminalId)
        return {}
      })
      .onRequest(methods.client.terminal.release, async ({ params }) => {
        await this.#terminals.release(params.terminalId)
        return {}
      })
  }

  async #permission({ toolCall, options }: RequestPermissionRequest): Promise<RequestPermissionResponse> {
    const tool = toolOf(toolCall.kind ?? 'other')
    const rule = this.#ruleOf(tool)
    const cut = AbortSignal.any([this.#setting.controls.cut, this.#over, this.#closed.signal])
    const shown = JSON.stringify(toolCall, null, 2)
    try {
      const verdict =
        rule === 'ask'
          ? await askPeople(
              this.#setting.people,
              { call: questionOf(this.#state.turn + 1, toolCall.toolCallId), tool, shown },
              cut,
            )
          : { allowed: rule === 'auto' }
      if (rule === 'ask' && verdict.allowed)
        this.#agreed = [...this.#agreed, { tool, question: toolCall }].slice(-agreedMost)
      const wanted = verdict.allowed
        ? rule === 'ask'
          ? ['allow_once']
          : ['allow_once', 'allow_always']
        : ['reject_once', 'reject_always']
      const option = wanted.flatMap(kind => options.filter(option => option.kind === kind))[0]
      return option
        ? { outcome: { outcome: 'selected', optionId: option.optionId } }
        : { outcome: { outcome: 'cancelled' } }
    } catch (error) {
      if (cut.aborted) return { outcome: { outcome: 'cancelled' } }
      throw error
    }
  }

  #ruleOf(tool: string): ToolRule {
    const { rules } = this.#setting
    return Object.hasOwn(rules, tool) ? rules[tool]! : 'auto'
  }

  /** Whatever the program asked for before: what is done here is shown as it is, and decided by itself. */
  async #mustBeAgreed(deed: Deed): Promise<void> {
    const { tool } = deed
    const rule = this.#ruleOf(tool)
    if (rule === 'never') throw RequestError.invalidRequest(undefined, `${tool} is not allowed in this task`)
    if (rule === 'auto') return
    const agreed = this.#agreed.findIndex(one => covers(one, deed))
    if (agreed >= 0) {
      this.#agreed.splice(agreed, 1)
      return
    }
    this.#asks += 1
    const call = questionOf(this.#state.turn + 1, `request-${this.#asks}`)
    const question = { call, tool, shown: shownOf(deed) }
    const cut = AbortSignal.any([this.#setting.controls.cut, this.#over, this.#closed.signal])
    const verdict = await this.#asked(askPeople(this.#setting.people, question, cut))
    if (!verdict.allowed) throw RequestError.invalidRequest(undefined, verdict.why)
  }

  /** What the workspace refuses is an answer to the program, in words that it may know. */
  async #asked<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof RequestError) throw error
      const known = asMeshError(error)
      throw known.code === 'NOT_FOUND'
        ? RequestError.resourceNotFound(known.detail)
        : RequestError.invalidParams(undefined, known.message)
    }
  }

  #outputOf({ output }: RunningCommand): ReadableStream<Uint8Array> {
    const keep = (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-lastWordsChars)
    }
    const said = async function* () {
      for await (const { stream, bytes } of output)
        if (stream === 'stdout') yield bytes
        else keep(Buffer.from(bytes).toString('utf8'))
    }
    return Readable.toWeb(Readable.from(said(), { objectMode: false })) as ReadableStream<Uint8Array>
  }

  #write(event: TaskEvent): void {
    this.#setting.log.write(event)
    this.#state = step(this.#state, event, new Map())
  }
}

/** One prompt and what came of it, as events. */
class Turn {
  readonly number: number
  readonly #write: (event: TaskEvent) => void
  readonly #assets: TaskAssets
  readonly #open = new Map<string, string>()
  readonly #pieces: { text: Pieces; thinking: Pieces }
  readonly #ends: Promise<void>[] = []
  #said = ''

  constructor(number: number, write: (event: TaskEvent) => void, assets: TaskAssets) {
    this.number = number
    this.#write = write
    this.#assets = assets
    const piece = (as: 'text' | 'thinking') => new Pieces(text => write({ type: 'said', turn: number, as, text }))
    this.#pieces = { text: piece('text'), thinking: piece('thinking') }
  }

  take(update: SessionUpdate): void {
    switch (update.sessionUpdate) {
      case 'agent_message_chunk':
        if (update.content.type === 'text') this.#say('text', update.content.text)
        break
      case 'agent_thought_chunk':
        if (update.content.type === 'text') this.#say('thinking', update.content.text)
        break
      case 'tool_call':
        this.#beginCall(update.toolCallId, toolOf(update.kind ?? 'other'), update.title, update.rawInput)
        this.#moveCall(update)
        break
      case 'tool_call_update':
        this.#moveCall(update)
        break
      case 'plan':
        this.#endPieces()
        this.#write({ type: 'notice', text: planText(update.entries) })
    }
  }

  /** Nothing is open any more, and all that was said is written. */
  async settle(): Promise<void> {
    for (const id of this.#open.keys()) this.#endCall(id, false, 'It had not ended when the agent stopped.')
    await Promise.all(this.#ends)
    this.#endPieces()
  }

  end(stop: StopReason): void {
    const blocks = JSON.stringify(this.#said === '' ? [] : [{ type: 'text', text: this.#said }])
    this.#write({ type: 'turn-ended', turn: this.number, blocks, usage: noUsage, microUsd: 0, stop })
  }

  #say(as: 'text' | 'thinking', text: string): void {
    this.#pieces[as].add(text)
    if (as === 'text') this.#said = (this.#said + text).slice(-saidChars)
  }

  #endPieces(): void {
    this.#pieces.thinking.end()
    this.#pieces.text.end()
  }

  #beginCall(id: string, tool: string, title: string, input: unknown): void {
    if (this.#open.has(id)) return
    this.#endPieces()
    this.#open.set(id, '')
    const shown = input === undefined ? title : `${title}\n\n${JSON.stringify(input, null, 2)}`
    this.#write({
      type: 'tool-began',
      turn: this.number,
      call: callOf(id),
      tool,
      shown: shown.slice(0, limits.toolShownChars).toWellFormed(),
    })
  }

  #moveCall(update: { toolCallId: string; status?: string | null; content?: ToolCallContent[] | null }): void {
    const before = this.#open.get(update.toolCallId)
    if (before === undefined) return
    const content = update.content ? update.content.map(contentText).join('\n') : before
    this.#open.set(update.toolCallId, content)
    if (update.status === 'completed' || update.status === 'failed')
      this.#endCall(update.toolCallId, update.status === 'completed', content)
  }

  #endCall(id: string, ok: boolean, text: string): void {
    this.#open.delete(id)
    const content = text.toWellFormed()
    if (Buffer.byteLength(content) <= limits.toolOutputBytes)
      this.#write({ type: 'tool-ended', call: callOf(id), ok, content })
    else this.#ends.push(this.#endLongCall(id, ok, content))
  }

  async #endLongCall(id: string, ok: boolean, content: string): Promise<void> {
    const asset = await this.#assets.store(Buffer.from(content).subarray(0, limits.taskAssetBytes), 'text/plain')
    this.#write({ type: 'tool-ended', call: callOf(id), ok, content: shortened(content, asset), asset })
  }
}

/** Of what an agent says in one turn, its end is kept as its answer. */
const saidChars = 100_000

function callOf(id: string): string {
  return id.slice(0, 200) || 'call'
}

function toolOf(kind: ToolKind): string {
  if (kind === 'execute') return 'shell'
  if (kind === 'edit' || kind === 'delete' || kind === 'move') return 'write'
  return kind === 'read' || kind === 'search' || kind === 'fetch' ? kind : 'other'
}

function contentText(content: ToolCallContent): string {
  if (content.type === 'diff') return `${content.path}\n--- old\n${content.oldText ?? ''}\n--- new\n${content.newText}`
  if (content.type === 'terminal') return `[${content.terminalId}]`
  return content.content.type === 'text' ? content.content.text : `[${content.content.type}]`
}

const planMarks: Readonly<Record<string, string>> = { completed: '[x]', in_progress: '[…]', pending: '[ ]' }

function planText(entries: readonly { content: string; status: string }[]): string {
  const lines = entries
    .slice(0, 100)
    .map(({ content, status }) => `${planMarks[status] ?? '[ ]'} ${content.slice(0, 500)}`)
  return `Plan:\n${lines.join('\n')}`
}

function linesOf(text: string, line = 1, most?: number): string {
  if (line === 1 && most === undefined) return text
  const lines = text.split(/(?<=\n)/)
  return lines.slice(line - 1, most === undefined ? undefined : line - 1 + most).join('')
}

function userText(message: { role: string; text?: string }): string[] {
  return message.role === 'user' && message.text !== undefined ? [message.text] : []
}

const begunAnew =
  'The agent was begun anew, in a session of its own: it was told what was said so far, and remembers nothing else.'

/** Of a turn that did not come to its end. */
function saidInLastTurn(events: readonly TaskEvent[]): string {
  const began = events.findLastIndex(({ type }) => type === 'turn-began')
  const since = events.slice(began)
  if (since.some(({ type }) => type === 'turn-ended')) return ''
  const said = since.map(event => (event.type === 'said' && event.as === 'text' ? event.text : ''))
  return said.join('').slice(-saidChars)
}

function retold(state: AgentState, cutOff: string): string {
  const told = conversation(state).map(message => {
    if (message.role === 'user') return `USER: ${message.text}`
    return message.role === 'agent'
      ? `YOU: ${message.blocks.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('\n')}`
      : ''
  })
  if (cutOff !== '') told.push(`YOU, until you were interrupted: ${cutOff}`)
  return `You were interrupted and begin anew. The files are as you left them at the last checkpoint; look at them first. What was said so far:\n\n${told.join('\n\n')}\n\nGo on.`
}

function lastWords(state: AgentState): string {
  const last = state.placed.findLast(({ message }) => message.role === 'agent')?.message
  return last?.role === 'agent'
    ? last.blocks.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('\n')
    : ''
}

function inputOf(running: RunningCommand): WritableStream<Uint8Array> {
  return new WritableStream({
    write: bytes => running.write(bytes),
    close: () => running.closeInput(),
  })
}
