import { basename, resolve } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { Command } from 'commander'
import { type Attachment, control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson, progress, say } from '../print.ts'
import { optionsOf } from './options.ts'

interface AttachOptions {
  project?: string
  data?: string
  json?: boolean
}

export function attachCommand(): Command {
  return new Command('attach')
    .description('make a folder of this machine a project, or give a project of yours a folder in ~/Meshbook')
    .argument('[folder]', 'the folder; without it, --project names a project that is there')
    .option('--project <name>', 'name of the project, or owner/name (default: the name of the folder)')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ meshbook attach ~/thesis --project thesis\n  $ meshbook attach --project thesis      # into ~/Meshbook/thesis',
    )
    .action(async (folder: string | undefined, _options, command: Command) =>
      attach(folder, optionsOf<AttachOptions>(command)),
    )
}

async function attach(folder: string | undefined, options: AttachOptions): Promise<void> {
  const path = folder === undefined ? undefined : resolve(folder)
  const project = options.project ?? (path === undefined ? undefined : basename(path))
  if (project === undefined)
    throw new MeshError('BAD_CONFIG', { detail: 'attach: name a folder, or a project with --project' })
  const { control: file } = dataFolder(options.data)
  const attached = await control(file, '/attach', { project, ...(path !== undefined && { folder: path }) })
  const filled = path === undefined ? await filling(file, attached) : undefined
  if (options.json) printJson({ ...attached, ...filled })
  else say(`✔ ${attached.folder} is now the project ${attached.owner}/${attached.name}.${rest(filled)}`)
}

interface Filled {
  documents: number
  here: number
}

const lookMs = 250
/** Without a new file for so long, the rest is not waited for. */
const patienceMs = 5_000

/** The files of a project come one after the other (DV108); how many are there when no more come for a while. */
async function filling(file: string, { project, name }: Attachment): Promise<Filled | undefined> {
  const line = progress()
  let filled: Filled | undefined
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += lookMs) {
    const { projects } = await control(file, '/folders', {})
    const now = projects.find(({ id }) => id === project)?.progress
    if (now && now.here !== filled?.here) waitedMs = 0
    filled = now
    if (now && now.documents > 0 && now.here === now.documents) break
    if (now) line.show(`Writing the files of ${name}: ${now.here} of ${now.documents}`)
    await new Promise(done => setTimeout(done, lookMs))
  }
  line.clear()
  return filled
}

function rest(filled: Filled | undefined): string {
  if (!filled || filled.here >= filled.documents) return ''
  return ` ${filled.here} of ${filled.documents} files are there; the others follow by themselves.`
}
