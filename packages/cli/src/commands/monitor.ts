import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { runtimeFor } from '@meshbook/core/languages.ts'
import { limits } from '@meshbook/core/limits.ts'
import { languageSchema } from '@meshbook/core/messages.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { Command, Option } from 'commander'
import * as v from 'valibot'
import { dataFolder } from '../data-folder.ts'
import { claimFolder } from '../monitor-folder.ts'
import { printJson, say } from '../print.ts'
import { machineName } from '../this-machine.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { optionsOf } from './options.ts'

interface MonitorOptions {
  doc: string[]
  name?: string
  runtime: string[]
  stuckAfter?: string
  logLevel: string
  data?: string
  json?: boolean
}

const more = (value: string, before: string[]): string[] => [...before, value]

const help = `
Examples:
  $ meshbook monitor ws://localhost:1234 --doc notes.md --doc more/analysis.md
  $ meshbook monitor ws://localhost:1234 --doc notes.md --runtime python=http://localhost:8000/mrp/v1

Whoever may write into such a document may run code on this machine, in the folder where this command runs.
docs/monitor.md says what a page writes and what comes back.`

export function monitorCommand(): Command {
  return new Command('monitor')
    .description('run the code that documents on any y-websocket server ask for; goes on when no page is open')
    .argument('<ws-url>', 'the server, such as ws://localhost:1234')
    .option('--doc <path>', 'a document to look after (repeatable)', more, [])
    .option('--name <name>', 'how it is shown to others in the document')
    .option('--runtime <lang=url>', 'a language that an MRP runtime at a URL runs (repeatable)', more, [])
    .option(
      '--stuck-after <minutes>',
      `stop a run of which nothing came for so long; 0: never (default ${limits.stuckRunMs / 60_000})`,
    )
    .option('--data <folder>', 'where the journals of its kernels are kept (default ~/.meshbook, or MESHBOOK_DATA)')
    .addOption(
      new Option('--log-level <level>', 'what is logged to stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('warn'),
    )
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', help)
    .action((url: string, _options, command: Command) => runMonitor(url, optionsOf<MonitorOptions>(command)))
}

const wrong = (detail: string): MeshError => new MeshError('BAD_CONFIG', { detail })

function checked(url: string, { doc, runtime, stuckAfter }: MonitorOptions) {
  if (!/^wss?:\/\//.test(url)) throw wrong(`expected an address that begins with ws:// or wss://, got ${url}`)
  if (doc.length === 0)
    throw wrong('without a Meshbook hub nothing says which documents there are: name each one with --doc PATH')
  const minutes = stuckAfter === undefined ? undefined : Number(stuckAfter)
  if (minutes !== undefined && !(minutes >= 0 && minutes <= 24 * 24 * 60))
    throw wrong(`--stuck-after takes minutes, got ${stuckAfter}`)
  return { docs: [...new Set(doc)], runtimeUrls: runtimeUrlsOf(runtime), stuckAfterMinutes: minutes }
}

function runtimeUrlsOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map(text => {
      const at = text.indexOf('=')
      const language = text.slice(0, at).toLowerCase()
      const address = text.slice(at + 1)
      const url = URL.canParse(address) ? new URL(address) : undefined
      if (at < 1 || !v.is(languageSchema, language) || !url || !/^https?:$/.test(url.protocol))
        throw wrong(`--runtime takes LANG=URL, such as python=http://localhost:8000/mrp/v1; got ${text}`)
      if (url.username || url.password || url.search || url.hash)
        throw wrong('the URL of a runtime has no user, password, query or fragment')
      return [runtimeFor(language), url.href]
    }),
  )
}

async function runMonitor(url: string, options: MonitorOptions): Promise<void> {
  const { docs, runtimeUrls, stuckAfterMinutes } = checked(url, options)
  const stop = stopSignal()
  const { monitorServer } = await import('@meshbook/device/monitor/monitor-server.ts')
  const name = options.name ?? machineName()
  const folder = await claimFolder(dataFolder(options.data).root, url, name)
  const ports = { now: Date.now, random: systemRandom }
  const kernels = createKernelSessions({ folder: join(folder, 'sessions'), ...ports, limits, runtimeUrls })
  const aborting = new AbortController()
  const report = (event: Record<string, unknown>) =>
    options.json ? printJson(event) : say(Object.values(event).join(' '))
  const monitor = monitorServer({
    url,
    docs,
    name,
    folder: process.cwd(),
    assets: join(folder, 'assets'),
    kernels,
    ...(stuckAfterMinutes === undefined ? {} : { stuckAfterMinutes }),
    limits,
    log: newLog(options.logLevel, process.stderr),
    onEvent: report,
    signal: aborting.signal,
    endsKernels: true,
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
