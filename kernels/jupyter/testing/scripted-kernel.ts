/**
 * A Jupyter kernel for tests, over real ZeroMQ: `node scripted-kernel.ts CONNECTION_FILE`. Its "language" are names of
 * things that a kernel may do; it publishes nothing before the third time that it is asked what it is.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Publisher, Router } from 'zeromq'
import { type Header, type Message, MessageCodec } from '../message.ts'

const place = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Record<string, string> & { key: string }
const codec = new MessageCodec(place.key, () => '2026-01-01T00:00:00Z')
const forger = new MessageCodec('another key', () => '2026-01-01T00:00:00Z')
const iopub = new Publisher()
const bound = async (name: string) => {
  const socket = new Router()
  await socket.bind(`tcp://${place.ip}:${place[`${name}_port`]}`)
  return socket
}
let infos = 0
let interrupted: (how: string) => void = () => undefined

async function publish(type: string, content: object, parent: Header | undefined, from = codec): Promise<void> {
  if (infos >= 3) await iopub.send([Buffer.from('topic'), ...from.encode(type, content, parent).frames])
}

async function shell(): Promise<void> {
  const socket = await bound('shell')
  for await (const [client, ...frames] of socket) {
    const message = codec.decode(frames)
    if (message.header.msg_type === 'kernel_info_request') infos++
    await publish('status', { execution_state: 'busy' }, message.header)
    const { type, content } = await answerTo(message)
    await socket.send([client!, ...codec.encode(type, content, message.header).frames])
    if (message.content.code !== 'never idle') await publish('status', { execution_state: 'idle' }, message.header)
    if (message.content.code === 'freeze')
      setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 50)
    if (message.content.code === 'late') {
      await stream('soon after\n', message.header)
      setTimeout(() => void stream('after the end\n', message.header), 300)
    }
  }
}

const about = () => ({
  implementation: process.env.IMPLEMENTATION ?? 'scripted',
  language_info: { name: 'scripted', version: String(infos) },
})

async function answerTo(message: Message): Promise<{ type: string; content: object }> {
  if (message.header.msg_type === 'kernel_info_request') return { type: 'kernel_info_reply', content: about() }
  await publish('execute_input', { code: message.content.code }, message.header)
  return { type: 'execute_reply', content: await execute(String(message.content.code), message.header) }
}

const stream = (text: string, parent?: Header) => publish('stream', { name: 'stdout', text }, parent)

async function execute(code: string, parent: Header): Promise<object> {
  switch (code) {
    case 'first':
    case 'late':
    case 'never idle':
      await stream(`${code}\n`, parent)
      break
    case 'where':
      await stream(`${process.env.WHERE}\n`, parent)
      break
    case 'forged':
      await publish('stream', { name: 'stdout', text: 'never said\n' }, parent, forger)
      await iopub.send(['topic', 'no delimiter'])
      await iopub.send(['topic', '<IDS|MSG>', 'too', 'few'])
      await publish('comm_open', { comm_id: '1', target_name: 'widget', data: {} }, parent)
      await publish('stream', { name: 3 }, parent)
      await publish('what_is_this', {}, parent)
      await stream('said\n', parent)
      break
    case 'wait': {
      const how = new Promise<string>(resolve => (interrupted = resolve))
      await stream('waits\n', parent)
      await stream(`${await how}\n`, parent)
      return { status: 'error', ename: 'KeyboardInterrupt', evalue: '', traceback: [] }
    }
    case 'die':
      process.stderr.write('something broke\n')
      await sleep(20)
      process.exit(7)
      break
    case 'leave':
      return { status: 'ok', payload: [{ source: 'ask_exit', keepkernel: false }] }
    case 'displays':
      await publish('display_data', bundle('one'), parent)
      await publish('update_display_data', bundle('two'), parent)
      await publish('clear_output', { wait: true }, parent)
      break
    case 'tail':
      queue = sleep(300).then(() => stream('said late\n', parent))
      break
    case 'tail without a mark':
      queue = undefined
      break
    default:
      return mark(code, parent)
  }
  return { status: 'ok' }
}

let queue: Promise<void> | undefined

/** What a kernel like deno makes of the code that prints a mark: behind everything else in its queue. */
function mark(code: string, parent: Header): object {
  const text = /text: "([^"]*)"/.exec(code)?.[1]
  if (text === undefined) return { status: 'ok' }
  if (!queue) return { status: 'error', ename: 'TypeError', evalue: 'broadcast is not a function', traceback: [] }
  queue = queue.then(() => publish('stream', { name: 'stdout', text }, parent))
  return { status: 'ok' }
}

const bundle = (text: string) => ({
  data: { 'text/plain': text, 'application/json': { text }, 'text/latex': `$${text}$`, 'image/png': 'AAAA\n' },
  metadata: { 'image/png': { width: 320, height: 200 } },
  transient: { display_id: 'd' },
})

async function control(): Promise<void> {
  const socket = await bound('control')
  for await (const [client, ...frames] of socket) {
    const message = codec.decode(frames)
    if (message.header.msg_type === 'shutdown_request') process.exit(0)
    interrupted('by message')
    await socket.send([client!, ...codec.encode('interrupt_reply', { status: 'ok' }, message.header).frames])
  }
}

async function heartbeat(): Promise<void> {
  const socket = await bound('hb')
  for await (const frames of socket) await socket.send(frames)
}

process.on('SIGINT', () => interrupted('by signal'))
await iopub.bind(`tcp://${place.ip}:${place.iopub_port}`)
await bound('stdin')
await Promise.all([shell(), control(), heartbeat()])
