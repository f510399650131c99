// What the agents of tests that speak the Agent Client Protocol have in common: one session, whose prompts a script answers.
// The library is handed over, since not everybody has it at the same place.
import { Readable, Writable } from 'node:stream'

type Library = typeof import('@agentclientprotocol/sdk')
type Update = import('@agentclientprotocol/sdk').SessionUpdate
type ToolKind = import('@agentclientprotocol/sdk').ToolKind
export type Client = import('@agentclientprotocol/sdk').AgentContext

export const sessionId = 'session-1'

export interface Prompted {
  text: string
  cwd: string
  client: Client
  /** Resolves when the prompt is taken back. */
  cancelled: Promise<void>
}

/** Answers what comes in by stdin until that ends. */
export function serveAgent(
  { agent, methods, ndJsonStream, PROTOCOL_VERSION }: Library,
  answer: (prompted: Prompted) => Promise<'end_turn' | 'cancelled'>,
): void {
  let cwd = ''
  let cancelled = Promise.withResolvers<void>()
  agent({ name: 'of-a-test' })
    .onRequest(methods.agent.initialize, () => ({ protocolVersion: PROTOCOL_VERSION, agentCapabilities: {} }))
    .onRequest(methods.agent.session.new, ({ params }) => {
      cwd = params.cwd
      return { sessionId }
    })
    .onNotification(methods.agent.session.cancel, () => cancelled.resolve())
    .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
      cancelled = Promise.withResolvers()
      const text = params.prompt.map(block => (block.type === 'text' ? block.text : '')).join('')
      return { stopReason: await answer({ text, cwd, client, cancelled: cancelled.promise }) }
    })
    .connect(
      ndJsonStream(
        Writable.toWeb(process.stdout) as WritableStream<Uint8Array>,
        Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>,
      ),
    )
}

export function update(client: Client, update: Update): Promise<void> {
  return client.notify('session/update', { sessionId, update })
}

export function say(client: Client, text: string): Promise<void> {
  return update(client, { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } })
}

export function begin(client: Client, toolCallId: string, kind: ToolKind, rawInput: unknown): Promise<void> {
  const call: Update = { sessionUpdate: 'tool_call', toolCallId, title: toolCallId, kind, rawInput }
  return update(client, { ...call, status: 'in_progress' })
}
