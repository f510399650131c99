/** How Julia is started as the interpreter of a kernel; its side of the protocol is in side/. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { ChildLanguage } from '../child/child-language.ts'
import { utf8Environment } from '../child/launch.ts'

export function juliaLanguage(julia: string, env: NodeJS.ProcessEnv): Omit<ChildLanguage, 'onDeath'> {
  const version = /\d+\.\d+\.\d+/.exec(execFileSync(julia, ['--version'], { encoding: 'utf8', env }))![0]
  const entry = join(import.meta.dirname, 'side/kernel.jl')
  return {
    kernel: `Julia ${version}`,
    version,
    // Of the type whose lines Julia's side asks for.
    stdin: 'ended-pipe',
    // The environment of the project, where it has one.
    command: (scratch, nonce) => [julia, '--project=@.', '--color=no', entry, scratch, nonce],
    env: utf8Environment(env),
  }
}
