/**
 * Entry of the JavaScript kernel: `node kernel.ts CONFIG.json`. The protocol is in ../SPEC.md.
 * The user's program has the main thread, with all that Node gives it; the wire has a thread of its own (wire-thread.ts),
 * so that output flows and an interrupt arrives while the main thread is busy.
 */
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { KernelConfig } from '../wire/server.ts'
import { Program } from './program.ts'
import { newRing, RingWriter } from './ring.ts'

const config = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as KernelConfig
process.chdir(config.cwd)
const ring = newRing()
const answered = new SharedArrayBuffer(4)
const orders = new MessageChannel()
const answers = new MessageChannel()
const worker = new Worker(new URL('./wire-thread.ts', import.meta.url), {
  workerData: { config, ring, answered, orders: orders.port1, answers: answers.port1 },
  transferList: [orders.port1, answers.port1],
  resourceLimits: { maxYoungGenerationSizeMb: 8 },
  stdout: true,
  stderr: true,
})
worker.once('online', () => flushCompileCache())
// For this program; the user's have their own ideas.
delete process.env.NODE_COMPILE_CACHE
// Without the wire nobody can reach this process.
worker.on('exit', () => process.kill(process.pid, 'SIGKILL')).on('error', () => process.kill(process.pid, 'SIGKILL'))
const program = new Program(config, new RingWriter(ring, () => orders.port2.postMessage('wake')), {
  port: answers.port2,
  answered: new Int32Array(answered),
})
orders.port2.on('message', order => program.take(order))
