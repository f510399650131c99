import { systemRandom } from '@meshbook/core/ids.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { startHub } from '@meshbook/hub/hub.ts'
import { Command } from 'commander'
import { dataFolder } from '../data-folder.ts'
import { openLog } from '../log.ts'
import { privateFolder } from '../mesh.ts'
import { printJson, say } from '../print.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { webFolder } from '../web-folder.ts'
import { optionsOf } from './options.ts'

interface HubOptions {
  port?: string
  host?: string
  data?: string
  json?: boolean
}

export function hubCommand(): Command {
  return new Command('hub')
    .description('start the hub alone; machines join it with `meshbook up`')
    .option('--port <port>', 'port to listen on (default 3005, or PORT)')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--data <folder>', 'where everything is kept (default ~/.meshbook, or MESHBOOK_DATA)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ MESHBOOK_PUBLIC_URL=https://mesh.example meshbook hub --data /srv/meshbook')
    .action(async (_options, command: Command) => {
      const options = optionsOf<HubOptions>(command)
      const stop = stopSignal()
      const started = performance.now()
      const folder = dataFolder(options.data)
      const config = parseHubConfig(process.env, {
        host: options.host,
        port: options.port,
        data: folder.root,
        webFolder,
      })
      await privateFolder(folder.root)
      const hub = await startHub(config, { now: Date.now, random: systemRandom, log: openLog(folder.root) })
      const link = await hub.signInLink()
      const readyMs = Math.round(performance.now() - started)
      if (options.json) printJson({ ready: true, url: hub.url, link, data: folder.root, readyMs })
      else say(`The hub is ready at ${hub.url} (${readyMs} ms).\nSign in once with ${link}`)
      await closeAfter(stop, () => hub.close(), options.json === true)
    })
}
