import { Command } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson } from '../print.ts'
import { optionsOf } from './options.ts'

export function linkCommand(): Command {
  return new Command('link')
    .description('print a new one-time sign-in link for a browser')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook link')
    .action(async (_options, command: Command) => {
      const options = optionsOf<{ data?: string; json?: boolean }>(command)
      const { link } = await control(dataFolder(options.data).control, '/link', {})
      if (options.json) printJson({ link })
      else process.stdout.write(`${link}\n`)
    })
}
