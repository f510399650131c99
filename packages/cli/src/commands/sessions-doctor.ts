/** `meshbook sessions doctor`: whether this machine can save and restore sessions, and what of each live one would be lost. */
import { exitCodes } from '@meshbook/core/errors.ts'
import { savedWords } from '@meshbook/core/session-words.ts'
import type { SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import { Command } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson } from '../print.ts'
import { optionsOf } from './options.ts'

interface DoctorOptions {
  data?: string
  json?: boolean
}

export function sessionsDoctorCommand(): Command {
  return new Command('doctor')
    .description('say whether this machine can save and restore sessions, and what of each would be lost')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook sessions doctor')
    .action(async (_options, command: Command) => {
      const options = optionsOf<DoctorOptions>(command)
      const folder = dataFolder(options.data)
      const here = await control(folder.control, '/snapshots', {})
      if (options.json) printJson(here)
      else for (const line of linesOf(here, Date.now())) process.stdout.write(`${line}\n`)
      process.exitCode = canSave(here) ? exitCodes.ok : exitCodes.error
    })
}

const canSave = ({ use, backends }: SnapshotsHere): boolean => use !== 'off' && backends.some(({ ok }) => ok)

const names = {
  image: 'Image (the whole process: threads, children, generators; Linux)',
  portable: 'Portable (variable by variable; every system)',
} as const

export function linesOf({ use, backends, sessions }: SnapshotsHere, now: number): string[] {
  if (use === 'off')
    return [
      '✖ Sessions are not saved on this machine: MESHBOOK_SNAPSHOT is off',
      '    Start Meshbook with MESHBOOK_SNAPSHOT=auto; until then a session ends with its device.',
    ]
  const lines = backends.flatMap(({ kind, ok, why, next }) => [
    `${ok ? '✔' : kind === 'image' ? '–' : '✖'} ${names[kind]}: ${ok ? 'works' : (why ?? 'does not work here')}`,
    ...(!ok && next ? [`    ${next}`] : []),
  ])
  if (use !== 'auto') lines.push(`  Only ${use === 'criu' ? 'images' : 'portable states'} are made: MESHBOOK_SNAPSHOT is ${use}.`)
  lines.push('')
  if (sessions.length === 0) lines.push('No session is live on this machine. Run a cell, then ask again what of it would be lost.')
  return [...lines, ...sessions.flatMap(session => sessionLines(session, now))]
}

type Here = SnapshotsHere['sessions'][number]

function sessionLines({ language, name, session, unfit, atRisk, saved, error }: Here, now: number): string[] {
  const isUnfit = unfit.image !== undefined && unfit.portable !== undefined
  const mark = error !== undefined || isUnfit ? '✖' : atRisk.length > 0 ? '!' : '✔'
  return [
    `${mark} ${language} ${name} (${session}): ${error ?? (saved ? savedWords(saved, now) : 'not yet movable')}`,
    ...(unfit.image === undefined ? [] : [`    no image: ${unfit.image}`]),
    ...(unfit.portable === undefined ? [] : [`    not portable: ${unfit.portable}`]),
    ...atRisk.map(({ what, detail }) => `    would be lost: ${what} (${detail})`),
    ...(atRisk.length > 0 ? ['    Close or save these before you rely on it elsewhere.'] : []),
  ]
}
