/** A thread that simulates one world with runs after the other. */
import '../world/take-over.ts'
import { parentPort } from 'node:worker_threads'
import { simulateRuns } from './simulate-runs.ts'

const port = parentPort!
port.on('message', (seed: number) => {
  simulateRuns(seed).then(
    ({ trace: _, ...outcome }) => port.postMessage(outcome),
    (thrown: unknown) =>
      port.postMessage({ seed, failures: [String(thrown)], partitions: 0, runs: 0, ends: {}, events: 0 }),
  )
})
