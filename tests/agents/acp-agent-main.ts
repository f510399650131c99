// A small agent that speaks the Agent Client Protocol: what it does follows from the words of its prompt.
import * as acp from '@agentclientprotocol/sdk'
import { begin, type Client, type Prompted, say, serveAgent, sessionId, update } from './acp-script.ts'

const { methods } = acp

serveAgent(acp, async prompted => {
  const { client, text } = prompted
  if (text.includes('die')) {
    process.stderr.write('out of ideas\n')
    process.exit(7)
  }
  if (text.includes('wait')) {
    await say(client, 'I wait.')
    await begin(client, 'never', 'execute', { command: 'sleep' })
    await prompted.cancelled
    return 'cancelled'
  }
  if (text.includes('mend')) await mend(prompted)
  else await say(client, `You said: ${text}`)
  return 'end_turn'
})

/** Thinks, reads a file, asks, writes it, and runs a command, as the client lets it. */
async function mend({ client, cwd }: Prompted): Promise<void> {
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
  const answer: acp.RequestPermissionResponse = await client.request(methods.client.session.requestPermission, question)
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

function end(client: Client, toolCallId: string, status: 'completed' | 'failed', text: string): Promise<void> {
  const content = [{ type: 'content' as const, content: { type: 'text' as const, text } }]
  return update(client, { sessionUpdate: 'tool_call_update', toolCallId, status, content })
}
