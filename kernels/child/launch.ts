/** What the entries of the kernels with an interpreter as a child have in common. */
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { RunLog } from '../wire/run-log.ts'
import { type KernelConfig, KernelServer } from '../wire/server.ts'
import { ChildAdapter } from './adapter.ts'
import type { ChildLanguage } from './child-language.ts'

export function serve(configPath: string, language: (env: NodeJS.ProcessEnv) => Omit<ChildLanguage, 'onDeath'>): void {
  const config = JSON.parse(readFileSync(configPath, 'utf8')) as KernelConfig
  process.chdir(config.cwd)
  // For this program; the user's have their own ideas.
  delete process.env.NODE_COMPILE_CACHE
  // A hang-up or an interrupt of the group is for the interpreter, never for the server that keeps its results.
  process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
  const log = new RunLog(config.limits.unackedBytes)
  const adapter = new ChildAdapter({ ...language(process.env), onDeath: dieLikewise }, config, log)
  new KernelServer(config, log, adapter).listen()
  flushCompileCache()
}

/** So that the host, which sees only this process, can tell how the interpreter ended. */
function dieLikewise(code: number | null, signal: NodeJS.Signals | null): void {
  if (signal) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  setTimeout(() => process.exit(code || 1), 50)
}

const utf8 = /utf-?8$/i

/** Text is UTF-8 in both directions, whatever the locale of the machine. */
export function utf8Environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const effective = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  if (utf8.test(effective)) return env
  const { LC_ALL, ...rest } = env
  const others = LC_ALL ? { LANG: LC_ALL } : {}
  return { ...rest, ...others, LC_CTYPE: process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8' }
}
