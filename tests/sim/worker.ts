/** A thread that simulates one seed after the other. */
import './world/take-over.ts'
import { parentPort } from 'node:worker_threads'
import { simulate } from './simulate.ts'

const port = parentPort!
port.on('message', (seed: number) => {
  simulate(seed).then(
    ({ trace: _, ...outcome }) => port.postMessage(outcome),
    (thrown: unknown) => port.postMessage({ seed, failures: [String(thrown)], convergedMs: 0, events: 0, marks: 0 }),
  )
})
