// An agent of somebody else in a task worker: it speaks the Agent Client Protocol by the official library and asks its
// model by the provider's own. Its file is a part of the repository that it works on; its word is where the libraries are.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { begin, type Prompted, say, serveAgent, sessionId, update } from './acp-script.ts'

const library = createRequire(process.argv[2]!)
const { default: Anthropic } = library('@anthropic-ai/sdk') as typeof import('@anthropic-ai/sdk')
const acp = (await import(library.resolve('@agentclientprotocol/sdk'))) as typeof import('@agentclientprotocol/sdk')
const { methods } = acp
const model = new Anthropic({ maxRetries: 0 })

serveAgent(acp, async prompted => {
  const { client, cwd, text } = prompted
  const asked = text.split('---').at(-1)!
  if (asked.includes('spend')) await spend(prompted)
  else if (asked.includes('look around')) await say(client, await lookAround())
  else if (asked.includes('wait') && !text.includes('begin anew')) {
    await client.request(methods.client.fs.writeTextFile, { sessionId, path: `${cwd}/half.txt`, content: 'half\n' })
    await say(client, 'I wait.')
    await prompted.cancelled
    return 'cancelled'
  } else if (text.includes('begin anew'))
    await say(client, text.includes('I wait.') ? 'I know that I waited.' : 'What?')
  else await mend(prompted, asked)
  return 'end_turn'
})

/** Asks what the answer is, writes it, and runs the test. */
async function mend({ client, cwd }: Prompted, prompt: string): Promise<void> {
  const path = `${cwd}/answer.js`
  const { content } = await client.request(methods.client.fs.readTextFile, { sessionId, path })
  const answer = await ask(`${prompt}\n${content}`)
  await begin(client, 'edit', 'edit', { path })
  const written = content.replace(/\d+/, answer.trim())
  await client.request(methods.client.fs.writeTextFile, { sessionId, path, content: written })
  await update(client, { sessionUpdate: 'tool_call_update', toolCallId: 'edit', status: 'completed' })
  const terminal = await client.createTerminal({ sessionId, command: '/opt/meshbook/node', args: ['test.js'] })
  const { exitCode } = await terminal.waitForExit()
  const { output } = await terminal.currentOutput()
  await terminal.release()
  await say(client, `${output.trim()}, exit ${exitCode}`)
}

async function ask(text: string): Promise<string> {
  const asked = { model: process.env.ANTHROPIC_MODEL!, max_tokens: 1_000 }
  const answer = await model.messages.stream({ ...asked, messages: [{ role: 'user', content: text }] }).finalMessage()
  return answer.content.map(block => (block.type === 'text' ? block.text : '')).join('')
}

/** Whatever it is told, it asks again. */
async function spend({ client, cancelled }: Prompted): Promise<void> {
  for (let isOver = false; !isOver; ) {
    isOver = await Promise.race([cancelled.then(() => true), sleep(20).then(() => false)])
    await ask('More.').catch(error => say(client, `${(error as { status?: number }).status} `))
  }
}

/** What it must not reach, and what is said of it afterwards. */
async function lookAround(): Promise<string> {
  const base = process.env.ANTHROPIC_BASE_URL!
  const found = [
    `socket ${await reached('/run/meshbook/own/sockets/models.sock')}`,
    `channel ${await reached('/run/meshbook/own/sockets/channel.sock')}`,
    `other path ${(await fetch(`${base}/v1/files`)).status}`,
    `other wire ${(await fetch(`${base}/v1/chat/completions`, { method: 'POST', body: '{}' })).status}`,
    `user ${process.getuid!()}`,
    `status ${/^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`,
    `key ${process.env.ANTHROPIC_API_KEY}`,
  ]
  return found.join('; ')
}

function reached(path: string): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => resolve('open'))
    socket.once('error', error => resolve((error as NodeJS.ErrnoException).code ?? 'refused'))
  })
}
