import { Command } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson } from '../print.ts'
import { optionsOf } from './options.ts'

export function tokenCommand(): Command {
  return new Command('token')
    .description('print what another program of yours on this machine needs to use its Meshbook')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nThe token goes into an Authorization header, never into an address, and is another one after a restart.\n\nExample:\n  $ curl -H "Authorization: Bearer $(meshbook token)" http://127.0.0.1:3006/api/v1/projects\n  $ meshbook token --json      # {"url":…,"sync":"ws://…/sync","token":…}',
    )
    .action(async (_options, command: Command) => {
      const options = optionsOf<{ data?: string; json?: boolean }>(command)
      const { url, token } = await control(dataFolder(options.data).control, '/local', {})
      if (options.json) printJson({ url, sync: `${url.replace(/^http/, 'ws')}/sync`, token })
      else process.stdout.write(`${token}\n`)
    })
}
