// A small agent that speaks the Agent Client Protocol: what it does follows from the words of its prompt.
import { Readable, Writable } from 'node:stream'
import {
  type AgentContext,
  agent,
  methods,
  ndJsonStream,
  PROTOCOL_VERSION,
  type RequestPermissionResponse,
  type SessionUpdate,
} from '@agentclientprotocol/sdk'

const sessionId = 'session-1'
let cwd = ''
let cancelled = Promise.withResolvers<void>()

agent({ name: 'small' })
  .onRequest(methods.agent.initialize, () => ({ protocolVersion: PROTOCOL_VERSION, agentCapabilities: {} }))
  .onRequest(methods.agent.session.new, ({ params }) => {
    cwd = params.cwd
    return { sessionId }
  })
  .onNotification(methods.agent.session.cancel, () => cancelled.resolve())
  .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    cancelled = Promise.withResolvers()
    const text = params.prompt.map(block => (block.type === 'text' ? block.text : '')).join('')
    if (text.includes('die')) {
      process.stderr.write('out of ideas\n')
      process.exit(7)
    }
    if (text.includes('wait')) {
      await say(client, 'I wait.')
      await begin(client, 'never', 'execute', { command: 'sleep' })
      await cancelled.promise
      return { stopReason: 'cancelled' as const }
    }
    if (text.includes('mend')) await mend(client)
    else await say(client, `You said: ${text}`)
    return { stopReason: 'end_turn' as const }
  })
  .connect(
    ndJsonStream(
      Writable.toWeb(process.stdout) as WritableStream<Uint8Array>,
      Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>,
    ),
  )

/** Thinks, reads a file, asks, writes it, and runs a command, as the client lets it. */
async function mend(client: AgentContext): Promise<void> {
  await update(client, { sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: 'Let me see.' } })
  await update(client, {
    sessionUpdate: 'plan',
    entries: [{ content: 'Mend it', priority: 'high', status: 'pending' }],
  })
  const path = `${cwd}/a.txt`
  await begin(client, 'edit-1', 'edit', { path })
  const { content } = await client.request(methods.client.fs.readTextFile, { sessionId, path })
  const toolCall = { toolCallId: 'edit-1', title: 'Write a.txt', kind: 'edit' as const, rawInput: { path } }
  const options = [
    { optionId: 'yes', name: 'Yes', kind: 'allow_once' as const },
    { optionId: 'no', name: 'No', kind: 'reject_once' as const },
  ]
  const question = { sessionId, toolCall, options }
  const answer: RequestPermissionResponse = await client.request(methods.client.session.requestPermission, question)
  const { outcome } = answer
  if (outcome.outcome !== 'selected' || outcome.optionId !== 'yes') {
    await end(client, 'edit-1', 'failed', 'not allowed')
    return say(client, `Refused: ${outcome.outcome}.`)
  }
  const mended = content.replace('bad', 'good')
  await client.request(methods.client.fs.writeTextFile, { sessionId, path, content: mended })
  await end(client, 'edit-1', 'completed', 'written')
  const outside = { sessionId, path: '/etc/hostname' }
  const refusal = await client.request(methods.client.fs.readTextFile, outside).then(
    () => 'read it',
    () => 'refused',
  )
  const terminal = await client.createTerminal({ sessionId, command: 'cat', args: ['a.txt'] })
  const { exitCode } = await terminal.waitForExit()
  const { output } = await terminal.currentOutput()
  await terminal.release()
  await say(client, `${output.trim()}, exit ${exitCode}, outside: ${refusal}`)
}

function update(client: AgentContext, update: import('@agentclientprotocol/sdk').SessionUpdate): Promise<void> {
  return client.notify(methods.client.session.update, { sessionId, update })
}

function say(client: AgentContext, text: string): Promise<void> {
  return update(client, { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } })
}

function begin(client: AgentContext, toolCallId: string, kind: 'edit' | 'execute', rawInput: unknown): Promise<void> {
  const call: SessionUpdate = {
    sessionUpdate: 'tool_call',
    toolCallId,
    title: toolCallId,
    kind,
    status: 'in_progress',
    rawInput,
  }
  return update(client, call)
}

function end(client: AgentContext, toolCallId: string, status: 'completed' | 'failed', text: string): Promise<void> {
  const content = [{ type: 'content' as const, content: { type: 'text' as const, text } }]
  return update(client, { sessionUpdate: 'tool_call_update', toolCallId, status, content })
}
