import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { startHub } from '@meshbook/hub/hub.ts'
import { migrateStore } from '@meshbook/hub/store/open-store.ts'
import { Command } from 'commander'
import { openLog } from '../log.ts'
import { printJson, say } from '../print.ts'
import { privateFolder } from '../this-machine.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { type ListeningOptions, listeningOf, optionsOf, withListening } from './options.ts'

interface HubOptions extends ListeningOptions {
  migrate?: boolean
}

async function migrate(options: HubOptions): Promise<void> {
  const { config } = listeningOf(options)
  if (!config.database)
    throw new MeshError('BAD_CONFIG', { detail: 'MESHBOOK_DATABASE_URL: needed; a hub on a file updates it by itself' })
  const changed = await migrateStore(config.database)
  if (options.json) printJson({ migrated: changed })
  else say(changed.length === 0 ? 'The tables are up to date.' : `Made or updated the tables of ${changed.join(', ')}.`)
}

export function hubCommand(): Command {
  return withListening(new Command('hub'))
    .description('start the hub alone; machines join it with `meshbook up`')
    .option('--migrate', 'make or update the tables in PostgreSQL as their owner, and end')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ MESHBOOK_PUBLIC_URL=https://mesh.example meshbook hub --data /srv/meshbook')
    .action(async (_options, command: Command) => {
      const options = optionsOf<HubOptions>(command)
      if (options.migrate) return migrate(options)
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
