import { MeshError } from '@meshbook/core/errors.ts'
import { Command } from 'commander'
import { control, type TrashEntry } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson, printTable, say } from '../print.ts'
import { optionsOf } from './options.ts'

interface Options {
  project?: string
  data?: string
  json?: boolean
}

const columns = {
  DELETED: ({ deletedAt }: TrashEntry) => new Date(deletedAt).toISOString(),
  PROJECT: ({ project }: TrashEntry) => project,
  PATH: ({ path }: TrashEntry) => path,
  BYTES: ({ bytes }: TrashEntry) => String(bytes),
  NAME: ({ name }: TrashEntry) => name,
}

export function trashCommand(): Command {
  return withOptions(new Command('trash'))
    .description('list the files that were deleted in the folders of this machine, or put one back')
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(restoreCommand())
    .addHelpText('after', '\nExample:\n  $ meshbook trash list --project thesis')
}

function withOptions(command: Command): Command {
  return command
    .option('--project <name>', 'only of this project')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
}

function listCommand(): Command {
  return withOptions(new Command('list'))
    .description('list deleted files, the newest first')
    .addHelpText('after', '\nExample:\n  $ meshbook trash list')
    .action(async (_options, command: Command) => {
      const options = optionsOf<Options>(command)
      const items = await trashed(options)
      if (options.json) for (const item of items) printJson(item)
      else printTable(items, columns)
    })
}

function trashed({ data, project }: Options): Promise<TrashEntry[]> {
  const body = project === undefined ? {} : { project }
  return control(dataFolder(data).control, '/trash', body).then(({ items }) => items)
}

function restoreCommand(): Command {
  return withOptions(new Command('restore'))
    .description('put a deleted file back; what has its name now stays')
    .argument('<name>', 'its name in the list')
    .addHelpText('after', '\nExample:\n  $ meshbook trash restore 2026-05-04T10-00-00-000Z-1-plan.md')
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<Options>(command)
      if (options.project !== undefined && !(await trashed(options)).some(item => item.name === name))
        throw new MeshError('NOT_FOUND', { detail: `the trash of ${options.project} has no ${name}` })
      const restored = await control(dataFolder(options.data).control, '/trash/restore', { name })
      if (options.json) printJson(restored)
      else say(`✔ ${restored.path} is back in the project ${restored.project}.`)
    })
}
