import { limits } from '@meshbook/core/limits.ts'
import { Command } from 'commander'
import { firstPage, startMesh } from '../mesh.ts'
import { hasBrowser, openBrowser } from '../open-browser.ts'
import { printJson, say } from '../print.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { type ListeningOptions, listeningOf, optionsOf, withListening } from './options.ts'

interface StartOptions extends ListeningOptions {
  open: boolean
  lan?: boolean
}

export function startCommand(): Command {
  return withListening(new Command('start'))
    .description('start Meshbook on this machine and print a link that opens it')
    .option('--lan', 'let your other devices on this network connect directly with this one')
    .option('--no-open', 'do not open a browser')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook start --port 4000 --data /srv/meshbook')
    .action(async (_options, command: Command) => {
      const options = optionsOf<StartOptions>(command)
      const stop = stopSignal()
      const started = performance.now()
      const { folder, config } = listeningOf(options)
      const mesh = await startMesh(config, folder, { lan: options.lan === true })
      const link = await mesh.hub.signInLink(firstPage(folder))
      const readyMs = Math.round(performance.now() - started)
      if (options.json) printJson({ ready: true, url: mesh.hub.url, link, data: folder.root, readyMs })
      else greet(mesh.hub.url, link, folder.root, readyMs)
      if (options.open && hasBrowser()) openBrowser(link)
      await closeAfter(stop, () => mesh.close(), options.json === true)
    })
}

function greet(url: string, link: string, data: string, readyMs: number): void {
  say(`\n  Meshbook is ready (${(readyMs / 1000).toFixed(1)} s).\n`)
  say(`  Open      ${link}`)
  say(`            signs this browser in once, within ${limits.signInLinkMs / 60_000} minutes; afterwards ${url}`)
  say(`  Data      ${data}`)
  say('  Stop      Ctrl+C (running code is stopped with it)\n')
}
