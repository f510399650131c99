/**
 * Entry of the Jupyter adapter: `node kernel.ts CONFIG.json`. To the host it is a kernel like any other (../SPEC.md); the
 * Jupyter kernel is its child. It listens once that is ready, and ends when that has ended, with the reason in a file.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { RunLog } from '../wire/run-log.ts'
import { KernelServer } from '../wire/server.ts'
import { JupyterAdapter, type JupyterConfig } from './adapter.ts'
import { Faults } from './faults.ts'
import { JupyterKernel } from './jupyter-kernel.ts'

const config = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as JupyterConfig
process.chdir(config.cwd)
delete process.env.NODE_COMPILE_CACHE
process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
const faults = new Faults(join(config.scratch, 'faults.json'))
const log = new RunLog(config.limits.unackedBytes)
const date = () => new Date().toISOString()
let server: KernelServer | undefined

/** What was told is sent before the process ends; why it ends, the host reads. */
async function end(how: string): Promise<void> {
  writeFileSync(join(config.scratch, 'last-words'), how, { mode: 0o600 })
  log.flush()
  await server?.close()
  process.exit(1)
}

try {
  const { address, port, cwd, scratch, jupyter } = config
  const adapter = await JupyterAdapter.start({
    config,
    log,
    faults,
    start: ears =>
      JupyterKernel.start({
        ...jupyter,
        ...ears,
        address,
        port,
        cwd,
        scratch,
        date,
        onFault: kind => faults.note(kind),
      }),
    end: how => void end(how),
  })
  server = new KernelServer(config, log, adapter)
  server.listen()
  flushCompileCache()
} catch (error) {
  await end((error as Error).message)
}
