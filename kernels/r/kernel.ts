/** Entry of the R kernel: `node kernel.ts R CONFIG.json`. The protocol is in ../SPEC.md; R's side of it is in side/. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { serve, utf8Environment } from '../child/launch.ts'

const [r, configPath] = process.argv.slice(2)
const version = /\d+\.\d+\.\d+/.exec(execFileSync(r!, ['--version'], { encoding: 'utf8' }))![0]
const entry = join(import.meta.dirname, 'side/kernel.R')
const { HOME: home = '/' } = process.env

serve(configPath!, () => ({
  kernel: `R ${version}`,
  version,
  command: (scratch, nonce) => [
    r!,
    '--no-echo',
    '--no-restore',
    '--no-save',
    `--file=${entry}`,
    '--args',
    scratch,
    nonce,
    import.meta.dirname,
  ],
  env: {
    // The files of the person, as everywhere; never those of the project, which nobody has asked to be run (KN41).
    R_PROFILE_USER: join(home, '.Rprofile'),
    R_ENVIRON_USER: join(home, '.Renviron'),
    ...utf8Environment(process.env),
  },
}))
