import { systemRandom } from '@meshbook/core/ids.ts'
import { startHub } from '@meshbook/hub/hub.ts'
import { Command } from 'commander'
import { openLog } from '../log.ts'
import { privateFolder } from '../mesh.ts'
import { printJson, say } from '../print.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { type ListeningOptions, listeningOf, optionsOf, withListening } from './options.ts'

export function hubCommand(): Command {
  return withListening(new Command('hub'))
    .description('start the hub alone; machines join it with `meshbook up`')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ MESHBOOK_PUBLIC_URL=https://mesh.example meshbook hub --data /srv/meshbook')
    .action(async (_options, command: Command) => {
      const options = optionsOf<ListeningOptions>(command)
      const stop = stopSignal()
      const started = performance.now()
      const { folder, config } = listeningOf(options)
      await privateFolder(folder.root)
      const hub = await startHub(config, { now: Date.now, random: systemRandom, log: openLog(folder.root) })
      const link = await hub.signInLink()
      const readyMs = Math.round(performance.now() - started)
      if (options.json) printJson({ ready: true, url: hub.url, link, data: folder.root, readyMs })
      else say(`The hub is ready at ${hub.url} (${readyMs} ms).\nSign in once with ${link}`)
      await closeAfter(stop, () => hub.close(), options.json === true)
    })
}
