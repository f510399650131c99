import { basename, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytesInWords } from '@meshbook/core/bytes-in-words.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Command } from 'commander'
import { control, type FetchState } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson, progress, say } from '../print.ts'
import { optionsOf } from './options.ts'

interface Options {
  data?: string
  json?: boolean
}

const lookEveryMs = 300

export function fetchCommand(): Command {
  return new Command('fetch')
    .description('get shared files onto this machine that it only lists so far; what is cut goes on where it stopped')
    .argument('<path...>', 'files or folders of attached projects, also ones that do not stand on this disk yet')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nThe device goes on by itself when this command is left.\n\nExample:\n  $ meshbook fetch ~/thesis/data/large.parquet',
    )
    .action(async (paths: string[], _options, command: Command) => {
      const options = optionsOf<Options>(command)
      for (const path of paths) await fetchOne(resolve(path), options)
    })
}

async function fetchOne(path: string, options: Options): Promise<void> {
  const { files, bytes, project, path: inProject } = await untilHere(path, options)
  if (options.json) printJson({ project, path: inProject, files, bytes })
  else
    say(
      `✔ ${files === 1 ? `${basename(path)} is` : `${files} files of ${basename(path)} are`} here (${bytesInWords(bytes)}).`,
    )
}

/** Resolves once all is here; throws what holds it up once nothing moves any more. */
async function untilHere(path: string, { data }: Options): Promise<FetchState> {
  const file = dataFolder(data).control
  const line = progress()
  let state = await control(file, '/fetch', { path, isNew: true })
  let movedAt = performance.now()
  try {
    while (state.here < state.files) {
      if (state.here + state.stuck === state.files) throw heldUp(state)
      if (performance.now() - movedAt > limits.requestMs) throw standsStill(path)
      line.show(`Fetching ${basename(path)}… ${sharesOf(state)}`)
      await sleep(lookEveryMs)
      const next = await control(file, '/fetch', { path, isNew: false })
      if (next.received !== state.received || next.here !== state.here) movedAt = performance.now()
      state = next
    }
  } finally {
    line.clear()
  }
  return state
}

function sharesOf({ files, here, bytes, received }: FetchState): string {
  const share = bytes === 0 ? 100 : Math.floor((100 * received) / bytes)
  return `${share} % of ${bytesInWords(bytes)}${files > 1 ? `, ${here} of ${files} files` : ''}`
}

function heldUp({ files, here, reason }: FetchState): MeshError {
  const rest = files > 1 ? ` (${here} of ${files} files are here)` : ''
  return new MeshError(reason?.code ?? 'UNREACHABLE', { detail: `${reason?.detail ?? reason?.path ?? ''}${rest}` })
}

function standsStill(path: string): MeshError {
  return new MeshError('TIMEOUT', { detail: `nothing of ${path} came lately; see: meshbook doctor` })
}
