import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson, say } from '../print.ts'
import { optionsOf } from './options.ts'

export function attachCommand(): Command {
  return new Command('attach')
    .description('make a folder of this machine a project: its notebooks appear on all your devices')
    .argument('<folder>', 'the folder')
    .option('--project <name>', 'name of the project (default: the name of the folder)')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook attach ~/thesis --project thesis')
    .action(async (folder: string, _options, command: Command) => {
      const options = optionsOf<{ project?: string; data?: string; json?: boolean }>(command)
      const path = resolve(folder)
      const attached = await control(dataFolder(options.data).control, '/attach', {
        folder: path,
        project: options.project ?? basename(path),
      })
      if (options.json) printJson(attached)
      else say(`✔ ${attached.folder} is now the project ${attached.owner}/${attached.name}.`)
    })
}
