/** The user's browser, where there is one. */
import { spawn } from 'node:child_process'
import { platform } from 'node:os'
import { say } from './print.ts'

export function hasBrowser(env: NodeJS.ProcessEnv = process.env): boolean {
  const hasScreen = platform() !== 'linux' || env.DISPLAY || env.WAYLAND_DISPLAY
  return Boolean(hasScreen) && !env.CI && !env.SSH_CONNECTION
}

/** Best effort: the address is printed too, which is enough. */
export function openBrowser(url: string): void {
  const command = { darwin: 'open', win32: 'explorer' }[platform() as string] ?? 'xdg-open'
  const child = spawn(command, [url], { stdio: 'ignore', detached: true })
  child.on('error', () => say('  (No browser could be opened; use the address above.)'))
  child.unref()
}
