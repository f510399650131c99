import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { startDaemon } from '../daemon.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson, say } from '../print.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { optionsOf } from './options.ts'

interface UpOptions {
  hub?: string
  data?: string
  name?: string
  port?: string
  json?: boolean
}

export function upCommand(): Command {
  return new Command('up')
    .description('make this machine a device of a hub: its projects sync, its kernels run what the mesh asks for')
    .option('--hub <url>', 'the hub to join; remembered after the first time')
    .option('--name <name>', 'what this machine is called on the other devices')
    .option('--port <port>', 'of the web app on this machine (default any that is free)', wholePort)
    .option('--data <folder>', 'where everything is kept (default ~/.meshbook, or MESHBOOK_DATA)')
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      '\nThe first time it also needs an API token of the hub in MESHBOOK_TOKEN.\n\nExample:\n  $ MESHBOOK_TOKEN=mb_… meshbook up --hub https://mesh.example',
    )
    .action(async (_options, command: Command) => {
      const options = optionsOf<UpOptions>(command)
      const stop = stopSignal()
      const folder = dataFolder(options.data)
      const daemon = await startDaemon({
        folder,
        memory: join(folder.root, 'up.json'),
        hub: options.hub,
        name: options.name,
        token: process.env.MESHBOOK_TOKEN,
        port: Number(options.port ?? 0),
      })
      if (options.json) printJson({ ready: true, device: daemon.device.id, hub: daemon.hub, url: daemon.url })
      else
        say(
          `This machine is a device of ${daemon.hub}.\nIts web app, with or without the hub: meshbook link\nAttach a folder with: meshbook attach FOLDER`,
        )
      await closeAfter(stop, () => daemon.close(), options.json === true)
    })
}

function wholePort(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return text
  throw new InvalidArgumentError('expected a port')
}
