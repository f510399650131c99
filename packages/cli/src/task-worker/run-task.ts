/**
 * The runner of a task worker: from the order to the end of the task (SPEC.md, TW20-TW33). Everything that it needs of the
 * outside comes in; the agent itself is the loop of the engine.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { brokerSockets, type TaskOrder, tokenFile } from '@meshbook/core/broker.ts'
import { cellTool } from '@meshbook/core/cell-request.ts'
import { asMeshError, type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { parseAssetId, type RandomBytes } from '@meshbook/core/ids.ts'
import { costOf, priceOf } from '@meshbook/core/model-prices.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { AcpSetting } from '@meshbook/engine/agent/acp-agent.ts'
import { Controls } from '@meshbook/engine/agent/controls.ts'
import type { McpTools } from '@meshbook/engine/agent/mcp-servers.ts'
import type { ModelChoice } from '@meshbook/engine/agent/models/patient-asking.ts'
import { type AgentEnd, type AgentSetting, runAgent } from '@meshbook/engine/agent/run-agent.ts'
import { builtInTools } from '@meshbook/engine/agent/tools/built-in-tools.ts'
import { systemSleep } from '@meshbook/engine/backoff.ts'
import { AgentModels } from './agent-models.ts'
import { type Begun, BrokerChannel, type Told } from './broker-channel.ts'
import { CellsByBroker } from './cells-by-broker.ts'
import { Checkout } from './checkout.ts'
import { Checkpoints } from './checkpoints.ts'
import { PeopleByBroker } from './people-by-broker.ts'
import { placeholderKey } from './placeholder-key.ts'
import { RemoteWorkspace } from './remote-workspace.ts'
import { fetchOver } from './socket-fetch.ts'
import { systemText } from './system-text.ts'

export interface RunnerOptions {
  /** With the sockets of the runner, and its token. */
  sockets: string
  /** As the tools see it. */
  repo: string
  tools: { from: Readable; to: Writable }
  now: () => number
  random: () => number
  bytes: RandomBytes
  /** Resolves when this worker is asked to end. */
  stop: Promise<void>
  log(line: string): void
}

/** The loop of this program. */
const ownAgent = 'meshbook'
const cloneTries = 5
const idleMs = 500

/** Resolves when there is nothing more to do here, with why. */
export async function runTask(options: RunnerOptions): Promise<string> {
  const early: Told[] = []
  let listen = (message: Told): void => void early.push(message)
  const channel = new BrokerChannel({
    socket: join(options.sockets, brokerSockets.channel),
    token: (await readFile(join(options.sockets, tokenFile), 'utf8')).trim(),
    random: options.random,
    onMessage: message => listen(message),
  })
  // While it waits for its task; the order may well come first.
  for (const load of Object.values(clients)) setTimeout(() => void load().catch(() => undefined), idleMs).unref()
  const stopped = options.stop.then(() => 'it was told to end')
  const begun = await Promise.race([channel.begun.catch(() => undefined), stopped])
  if (typeof begun === 'string' || !begun) return typeof begun === 'string' ? begun : channel.over
  const isOver = new AbortController()
  for (const over of [channel.over, stopped])
    void over.then(why => isOver.abort(new MeshError('UNREACHABLE', { detail: why })))
  try {
    return await work(options, channel, begun, isOver.signal, how => {
      listen = how
      for (const message of early.splice(0)) how(message)
    })
  } catch (thrown) {
    if (!isOver.signal.aborted) throw thrown
    return Promise.race([channel.over, stopped])
  } finally {
    channel.close()
  }
}

async function work(
  options: RunnerOptions,
  channel: BrokerChannel,
  { order, log, history }: Begun,
  signal: AbortSignal,
  listen: (how: (message: Told) => void) => void,
): Promise<string> {
  const { now, random, bytes, sockets, tools, repo } = options
  const events = log.flatMap(event => (event.type === 'task' ? [event.event] : []))
  if (events.some(({ type }) => type === 'finished')) return 'the task has ended'
  const write = (event: TaskEvent): void => channel.write({ type: 'task', at: now(), event })
  const people = new PeopleByBroker({
    log,
    now,
    random: bytes,
    write: event => channel.write(event),
    flush: () => channel.flush(),
    decidersOf: tool => (tool === cellTool && order.asker !== undefined ? [order.asker] : undefined),
  })
  const controls = new Controls()
  listen(message => hear(message, controls, people))
  let checkpoints: Checkpoints | undefined
  const workspace = new RemoteWorkspace(repo, tools.from, tools.to, async () => checkpoints?.idle())

  const isOwn = order.agent === ownAgent
  if (!isOwn && !order.program)
    return finish(channel, write, { as: 'failed', error: new MeshError('AGENT_UNKNOWN', { detail: order.agent }) })
  const models = fetchOver(join(sockets, brokerSockets.models), asking => channel.there(asking))
  const choice = isOwn ? choiceOf(order, models, now) : undefined
  choice?.catch(() => undefined)
  const checkout = await opened(workspace, order, events, channel, signal).catch((thrown: unknown) =>
    asMeshError(thrown),
  )
  signal.throwIfAborted()
  if (checkout instanceof MeshError) return finish(channel, write, { as: 'failed', error: checkout })
  write({ type: 'workspace', repo: order.repo, branch: order.branch, base: order.base, agent: order.agent })
  checkpoints = new Checkpoints({ checkout, broker: channel, sleep: systemSleep, random, signal })
  const saver = checkpoints
  const setting: AgentPorts = {
    events: [...history, ...events],
    first: { id: order.forked ? `prompt-${order.task}` : 'prompt', by: order.by, text: order.prompt },
    rules: order.tools,
    budget: order.budget,
    startedAt: log[0]?.at ?? now(),
    log: {
      write: event => {
        saver.see(event)
        write(event)
      },
      flush: () => channel.flush(),
    },
    assets: {
      store: (blob, mimeType) => channel.store(blob, mimeType),
      load: asset => channel.load(parseAssetId(asset)),
    },
    people,
    controls: stoppedBy(controls, signal),
    time: { clock: now, random, sleep: systemSleep },
    afterTurn: (turn, tell) => saver.afterTurn(turn, tell),
  }
  const end = choice
    ? await runOwnAgent(order, await choice, setting, workspace, channel, signal)
    : await runAgentOfOthers(order, saver, setting, workspace, join(sockets, brokerSockets.models))
  // Even a worker that has to end tries once to save what it has.
  const lost = await saver.last(write).then(
    () => undefined,
    (thrown: unknown) => asMeshError(thrown),
  )
  if (signal.aborted) {
    await channel.flush()
    signal.throwIfAborted()
  }
  const unsaved = lost && new MeshError('CONFLICT', { detail: `the work could not be saved: ${lost.message}` })
  return finish(channel, write, unsaved ? { as: 'failed', error: unsaved } : end)
}

/** The agents of both kinds want these. */
type AgentPorts = Pick<
  AgentSetting & AcpSetting,
  | ('events' | 'first' | 'rules' | 'budget' | 'startedAt')
  | ('log' | 'assets' | 'people' | 'controls' | 'time' | 'afterTurn')
>

/** The loop of this program, with the tools of its servers beside its own (TW50). */
async function runOwnAgent(
  order: TaskOrder,
  choice: ModelChoice,
  setting: AgentPorts,
  workspace: RemoteWorkspace,
  channel: BrokerChannel,
  signal: AbortSignal,
): Promise<AgentEnd> {
  const cells = new CellsByBroker(channel, signal)
  const servers = await toolServersOf(order, workspace, signal)
  for (const text of servers.problems) setting.log.write({ type: 'notice', text })
  try {
    return await runAgent({
      ...setting,
      system: systemText(order, workspace.root),
      chain: [choice],
      tools: [...builtInTools(workspace, { cells }), ...servers.tools],
      priceOf: (model, usage) => costOf(priceOf(model).price, usage),
    })
  } finally {
    await servers.close()
  }
}

async function toolServersOf(
  { toolServers = [] }: TaskOrder,
  workspace: RemoteWorkspace,
  signal: AbortSignal,
): Promise<McpTools> {
  if (toolServers.length === 0) return { tools: [], problems: [], close: async () => undefined }
  const { connectMcpServers } = await import('@meshbook/engine/agent/mcp-servers.ts')
  const servers = toolServers.map(({ name, argv, env, rule, tools }) => ({ name, at: { argv, env }, rule, tools }))
  return connectMcpServers(servers, { workspace }, signal)
}

/** A program of somebody else, where the tools are (TW40). */
async function runAgentOfOthers(
  order: TaskOrder,
  saver: Checkpoints,
  setting: AgentPorts,
  workspace: RemoteWorkspace,
  socket: string,
): Promise<AgentEnd> {
  const { runAcpAgent } = await import('@meshbook/engine/agent/acp-agent.ts')
  const models = new AgentModels({ socket, order, port: taken => workspace.modelsPort(taken) })
  const preface = systemText(order, workspace.root)
  // It says what it likes of what it does; so every turn may have changed something.
  const afterTurn = (turn: number, tell: (event: TaskEvent) => void) => {
    saver.mayHaveChanged()
    return saver.afterTurn(turn, tell)
  }
  const isOver = new AbortController()
  saver.beside(event => setting.log.write(event), isOver.signal)
  return runAcpAgent({
    ...setting,
    ...order.program!,
    afterTurn,
    name: order.agent,
    preface,
    models,
    workspace,
  }).finally(() => isOver.abort())
}

/** A worker that has to end stops its agent, as a person would, and says nothing of it. */
function stoppedBy(controls: Controls, signal: AbortSignal): Controls {
  signal.addEventListener('abort', () => controls.stop('its worker'), { once: true })
  return controls
}

function hear(message: Told, controls: Controls, people: PeopleByBroker): void {
  if (message.type === 'message') {
    controls.message(message)
    return
  }
  if (message.type === 'control') {
    controls[message.action](message.by)
    return
  }
  people.tell(message)
}

/** What cannot be cloned may be there in a moment, as when the hub is restarted. */
async function opened(
  workspace: RemoteWorkspace,
  order: TaskOrder,
  events: readonly TaskEvent[],
  channel: BrokerChannel,
  signal: AbortSignal,
): Promise<Checkout> {
  const saved = events.findLast(event => event.type === 'checkpoint')?.commit
  for (let attempt = 1; ; attempt += 1) {
    try {
      const gitPort = await workspace.gitPort()
      return await Checkout.open(workspace.ahead(), { order, gitPort, saved }, signal)
    } catch (thrown) {
      if (attempt === cloneTries || signal.aborted) throw thrown
    }
    await systemSleep(500 * 2 ** attempt, signal)
    await channel.there(signal)
  }
}

/** Each brings a library of its own, of which a task needs one; both may be there before there is a task. */
export const clients = {
  anthropic: async () => (await import('@meshbook/engine/agent/models/anthropic-model.ts')).AnthropicModel,
  openai: async () => (await import('@meshbook/engine/agent/models/openai-model.ts')).OpenAiModel,
  gemini: async () => (await import('@meshbook/engine/agent/models/gemini-model.ts')).GeminiModel,
}

async function choiceOf(
  { model: name, wire }: TaskOrder,
  asking: typeof fetch,
  clock: () => number,
): Promise<ModelChoice> {
  const options = { fetch: asking, key: placeholderKey, clock }
  const Client = await clients[wire]()
  const model = new Client({ ...options, baseUrl: wire === 'openai' ? 'http://models/v1' : 'http://models' })
  const { contextTokens, outputTokens } = priceOf(name).price
  return { model, name, windowTokens: contextTokens, maxOutputTokens: Math.min(outputTokens, 32_000) }
}

async function finish(channel: BrokerChannel, write: (event: TaskEvent) => void, end: AgentEnd): Promise<string> {
  write({ type: 'finished', ...outcomeOf(end) })
  await channel.flush()
  return 'its task has ended'
}

const summaryChars = 16_000

function outcomeOf(end: AgentEnd): { outcome: 'done' | 'failed' | 'stopped'; summary: string; code?: ErrorCode } {
  const cut = (text: string): string => text.slice(0, summaryChars).toWellFormed()
  switch (end.as) {
    case 'done':
      return { outcome: 'done', summary: cut(end.text) }
    case 'stopped':
      return { outcome: 'stopped', summary: `Stopped by ${end.by}.` }
    case 'limit':
      return { outcome: 'failed', summary: cut(end.reason), ...(end.limit === 'cost' && { code: 'BUDGET_REACHED' }) }
    case 'failed':
      return { outcome: 'failed', summary: cut(end.error.message), code: end.error.code }
  }
}
