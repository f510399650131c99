/**
 * A kernel as it wakes from an image that was taken in the middle of a run: `node kernel-in-its-middle.ts CONFIG RUN`.
 * Three of its events were acknowledged, two more had been said; it goes on counting up to nine.
 */
import { readFileSync } from 'node:fs'
import { Run, RunLog } from '@meshbook/kernels/wire/run-log.ts'
import { type KernelConfig, KernelServer } from '@meshbook/kernels/wire/server.ts'

const config = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as KernelConfig
const log = new RunLog(config.limits.unackedBytes)
const nothing = () => Promise.resolve({})
new KernelServer(config, log, {
  kernel: 'Scripted 1',
  version: '1',
  execute: run => {
    log.text('stdout', `executed ${run.code}\n`)
    log.end({ type: 'completed' })
  },
  input: () => false,
  interrupt: () => undefined,
  complete: nothing,
  inspect: nothing,
  variables: nothing,
  shutdown: () => process.exit(0),
}).listen()
log.begin(new Run(process.argv[3]!, 'count', 'demo'))
let count = 0
const say = () => log.emit({ type: 'stdout', text: `${++count}\n` })
for (let i = 0; i < 4; i++) say()
log.ack(process.argv[3]!, 3)
const timer = setInterval(() => {
  say()
  if (count < 9) return
  clearInterval(timer)
  log.end({ type: 'completed' })
}, 60)
