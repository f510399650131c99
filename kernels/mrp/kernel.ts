/** Entry of the kernel for a runtime at a URL: `node kernel.ts CONFIG.json`. The protocol is in ../SPEC.md. */
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { RunLog } from '../wire/run-log.ts'
import { type KernelConfig, KernelServer } from '../wire/server.ts'
import { MrpAdapter, type RuntimePlace } from './adapter.ts'

const config = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as KernelConfig & { runtime: RuntimePlace }
process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
const log = new RunLog(config.limits.unackedBytes)
new KernelServer(config, log, new MrpAdapter(config, config.runtime, log)).listen()
flushCompileCache()
