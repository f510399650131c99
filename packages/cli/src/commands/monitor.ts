import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { Command, Option } from 'commander'
import { machineName } from '../mesh.ts'
import { printJson, say } from '../print.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { optionsOf } from './options.ts'

interface MonitorOptions {
  doc?: string[]
  name?: string
  logLevel: string
  json?: boolean
}

export function monitorCommand(): Command {
  return new Command('monitor')
    .description('run the code that documents on any y-websocket server ask for; goes on when no page is open')
    .argument('<ws-url>', 'the server, such as ws://localhost:1234')
    .requiredOption('--doc <path...>', 'documents to look after')
    .option('--name <name>', 'how it is shown to others in the document')
    .addOption(
      new Option('--log-level <level>', 'what is logged to stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('warn'),
    )
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook monitor ws://localhost:1234 --doc notes.md')
    .action(async (url: string, _options, command: Command) => {
      const options = optionsOf<MonitorOptions>(command)
      if (!/^wss?:\/\//.test(url))
        throw new MeshError('BAD_CONFIG', {
          detail: `expected an address that begins with ws:// or wss://, got ${url}`,
        })
      await runMonitor(url, options)
    })
}

async function runMonitor(url: string, options: MonitorOptions): Promise<void> {
  const stop = stopSignal()
  const { monitorServer } = await import('@meshbook/device/monitor/monitor-server.ts')
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-monitor-'))
  const ports = { now: Date.now, random: systemRandom }
  const kernels = createKernelSessions({ folder: join(folder, 'sessions'), ...ports, limits })
  const aborting = new AbortController()
  const report = (event: Record<string, unknown>) =>
    options.json ? printJson(event) : say(Object.values(event).join(' '))
  const monitor = monitorServer({
    url,
    docs: options.doc ?? [],
    name: options.name ?? machineName(),
    folder,
    kernels,
    limits,
    log: newLog(options.logLevel, process.stderr),
    onEvent: report,
    signal: aborting.signal,
    ...ports,
  })
  const ended = Promise.race([stop, monitor]).catch(() => undefined)
  await closeAfter(
    ended,
    async () => {
      aborting.abort()
      try {
        await monitor
      } finally {
        await kernels.stopAll()
        await rm(folder, { recursive: true, force: true })
      }
    },
    options.json === true,
  )
}
