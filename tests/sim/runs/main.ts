/** `node tests/sim/runs/main.ts SEED`: simulates one world with runs and tells all that happened in it. */
import '../world/take-over.ts'
import { simulateRuns } from './simulate-runs.ts'

const { trace, failures, ...outcome } = await simulateRuns(Number(process.argv[2] ?? 0))
for (const line of [...trace, ...failures, JSON.stringify(outcome)]) process.stdout.write(`${line}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
