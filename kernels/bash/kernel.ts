/** Entry of the Bash kernel: `node kernel.ts CONFIG.json`. The protocol is in ../SPEC.md. */
import { readFileSync, rmSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { RunLog } from '../wire/run-log.ts'
import { type KernelConfig, KernelServer } from '../wire/server.ts'
import { BashAdapter } from './adapter.ts'

const config = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as KernelConfig
for (const name of ['state', 'tty', 'initial', 'initial-values', 'initial-options', 'cell', 'answer'])
  rmSync(join(config.scratch, name), { force: true })
process.chdir(config.cwd)
// For this program; the user's have their own ideas.
delete process.env.NODE_COMPILE_CACHE
// A hang-up or an interrupt of the group is for the shell, never for the server that keeps its results.
process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
const log = new RunLog(config.limits.unackedBytes)
new KernelServer(config, log, new BashAdapter(config, log)).listen()
flushCompileCache()
