/** How R is started as the interpreter of a kernel; its side of the protocol is in side/. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { ChildLanguage } from '../child/child-language.ts'
import { utf8Environment } from '../child/launch.ts'

export function rLanguage(r: string, env: NodeJS.ProcessEnv): Omit<ChildLanguage, 'onDeath'> {
  const version = /\d+\.\d+\.\d+/.exec(execFileSync(r, ['--version'], { encoding: 'utf8', env }))![0]
  const options = ['--no-echo', '--no-restore', '--no-save', `--file=${join(import.meta.dirname, 'side/kernel.R')}`]
  const home = env.HOME ?? '/'
  return {
    kernel: `R ${version}`,
    version,
    saves: 'r',
    stdin: 'null',
    command: (scratch, nonce) => [r, ...options, '--args', scratch, nonce, join(import.meta.dirname, 'side')],
    env: {
      // The files of the person, as everywhere; never those of the project, which nobody has asked to be run (KN41).
      R_PROFILE_USER: join(home, '.Rprofile'),
      R_ENVIRON_USER: join(home, '.Renviron'),
      ...utf8Environment(env),
    },
  }
}
