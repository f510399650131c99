import { spawn } from 'node:child_process'
import { platform } from 'node:os'
import { limits } from '@meshbook/core/limits.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { Command } from 'commander'
import { dataFolder } from '../data-folder.ts'
import { startMesh } from '../mesh.ts'
import { printJson, say } from '../print.ts'
import { closeAfter, stopSignal } from '../until-stopped.ts'
import { webFolder } from '../web-folder.ts'
import { optionsOf } from './options.ts'

interface StartOptions {
  port?: string
  host?: string
  data?: string
  open: boolean
  json?: boolean
}

export function startCommand(): Command {
  return new Command('start')
    .description('start Meshbook on this machine and print a link that opens it')
    .option('--port <port>', 'port to listen on (default 3005, or PORT)')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--data <folder>', 'where everything is kept (default ~/.meshbook, or MESHBOOK_DATA)')
    .option('--no-open', 'do not open a browser')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook start --port 4000 --data /srv/meshbook')
    .action(async (_options, command: Command) => {
      const options = optionsOf<StartOptions>(command)
      const stop = stopSignal()
      const started = performance.now()
      const folder = dataFolder(options.data)
      const config = parseHubConfig(process.env, {
        host: options.host,
        port: options.port,
        data: folder.root,
        webFolder,
      })
      const mesh = await startMesh(config, folder)
      const link = await mesh.hub.signInLink()
      const readyMs = Math.round(performance.now() - started)
      if (options.json) printJson({ ready: true, url: mesh.hub.url, link, data: folder.root, readyMs })
      else greet(mesh.hub.url, link, folder.root, readyMs)
      if (options.open) openBrowser(link)
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

/** Best effort: a machine without a browser prints the link, which is enough. */
function openBrowser(link: string): void {
  const hasScreen = platform() !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY
  if (!hasScreen || process.env.CI) return
  const command = { darwin: 'open', win32: 'explorer' }[platform() as string] ?? 'xdg-open'
  const child = spawn(command, [link], { stdio: 'ignore', detached: true })
  child.on('error', () => say('  (No browser could be opened; use the link above.)'))
  child.unref()
}
