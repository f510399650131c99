import { resolve } from 'node:path'
import { Command } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson, say } from '../print.ts'
import { optionsOf } from './options.ts'

export function detachCommand(): Command {
  return new Command('detach')
    .description('stop syncing a folder; its files stay where they are, and so does the project')
    .argument('<folder>', 'the folder')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook detach ~/thesis')
    .action(async (folder: string, _options, command: Command) => {
      const options = optionsOf<{ data?: string; json?: boolean }>(command)
      const detached = await control(dataFolder(options.data).control, '/detach', { folder: resolve(folder) })
      if (options.json) printJson(detached)
      else say(`✔ ${detached.folder} is no longer attached to ${detached.owner}/${detached.name}.`)
    })
}
