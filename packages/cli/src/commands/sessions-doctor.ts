/** `meshbook sessions doctor`: whether this machine can save and restore sessions, and what of each live one would be lost. */
import { exitCodes, MeshError } from '@meshbook/core/errors.ts'
import { asOfWords, sizeWords } from '@meshbook/core/session-words.ts'
import type { SavedHere, SessionHere, SnapshotAbility, SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import { Command } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { printJson, progress } from '../print.ts'
import { optionsOf } from './options.ts'

interface DoctorOptions {
  install?: boolean
  data?: string
  json?: boolean
}

export function sessionsDoctorCommand(): Command {
  return new Command('doctor')
    .description('say whether this machine can save and restore sessions, and what of each would be lost')
    .option('--data <folder>', 'data folder of the Meshbook on this machine (default ~/.meshbook)')
    .option('--install', 'set up a CRIU for images in a folder of its own, as root; nothing of the system is changed')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  $ meshbook sessions doctor')
    .action(async (_options, command: Command) => {
      const options = optionsOf<DoctorOptions>(command)
      if (options.install) return install(options.json === true)
      const folder = dataFolder(options.data)
      const here = await control(folder.control, '/snapshots', {})
      if (options.json) printJson(here)
      else for (const line of linesOf(here, Date.now())) process.stdout.write(`${line}\n`)
      process.exitCode = canSave(here) ? exitCodes.ok : exitCodes.error
    })
}

/** Works where no Meshbook runs, too. */
async function install(json: boolean): Promise<void> {
  const { criuFolder, installCriu } = await import('@meshbook/device/snapshots/image/criu-setup.ts')
  const stop = new AbortController()
  const cancel = () => stop.abort(new MeshError('INTERRUPTED', { detail: 'what was there before is as it was' }))
  process.once('SIGINT', cancel)
  const line = progress()
  const say = json ? () => undefined : (text: string) => line.show(`${text}…`)
  try {
    const found = await installCriu(criuFolder(process.env), { signal: stop.signal, say })
    line.clear()
    if (!found.ok) throw new MeshError('SNAPSHOT_FAILED', { detail: `${found.why}. ${found.next}` })
    if (json) printJson({ criu: found.criu.version })
    else
      process.stdout.write(`✔ CRIU ${found.criu.version} works here. Restart Meshbook, and its sessions get images.\n`)
  } finally {
    line.clear()
    process.off('SIGINT', cancel)
  }
}

const canSave = ({ use, abilities }: SnapshotsHere): boolean =>
  use !== 'off' && abilities.some(({ state }) => state !== 'unable')

const names = {
  image: 'Image (the whole process: threads, children, generators; Linux)',
  portable: 'Portable (variable by variable; every system)',
} as const

export function linesOf({ use, abilities, sessions }: SnapshotsHere, now: number): string[] {
  if (use === 'off')
    return [
      '✖ Sessions are not saved on this machine: MESHBOOK_SNAPSHOT is off',
      '    Start Meshbook with MESHBOOK_SNAPSHOT=auto; until then a session ends with its device.',
    ]
  const lines = abilities.flatMap(abilityLines)
  if (use !== 'auto')
    lines.push(`  Only ${use === 'criu' ? 'images' : 'portable states'} are made: MESHBOOK_SNAPSHOT is ${use}.`)
  lines.push('')
  if (sessions.length === 0)
    lines.push('No session is live on this machine. Run a cell, then ask again what of it would be lost.')
  return [...lines, ...sessions.flatMap(session => sessionLines(session, now))]
}

/** Images are one of two ways: a machine without them is not broken. */
function abilityLines({ kind, state, why, next }: SnapshotAbility): string[] {
  if (state === 'able') return [`✔ ${names[kind]}: works`]
  if (state === 'measuring') return [`… ${names[kind]}: being tried`]
  return [
    `${kind === 'image' ? '–' : '✖'} ${names[kind]}: ${why ?? 'does not work here'}`,
    ...(next === undefined ? [] : [`    ${next}`]),
  ]
}

function sessionLines({ language, name, session, behind, saved, cannot }: SessionHere, now: number): string[] {
  const newest = newestOf(saved)
  const lost = new Map([...(newest?.lost ?? []), ...cannot].map(item => [item.name, item.reason]))
  const mark = newest === undefined ? '✖' : lost.size > 0 ? '!' : '✔'
  return [
    `${mark} ${language} ${name} (${session}): ${stateWords(newest, behind, now)}`,
    ...saved.flatMap(({ kind, unfit, error }) => [
      ...(unfit === undefined ? [] : [`    ${without[kind]}: ${unfit}`]),
      ...(error === undefined ? [] : [`    the last ${kind} failed: ${error}`]),
    ]),
    ...[...lost].map(([what, why]) => `    would be lost: ${what} (${why})`),
    ...(cannot.length > 0 ? ['    Close what can be closed before you rely on it elsewhere.'] : []),
  ]
}

const without = { image: 'no image', portable: 'not portable' } as const

function newestOf(saved: readonly SavedHere[]): SavedHere | undefined {
  return saved.filter(({ asOf }) => asOf !== null).sort((a, b) => b.asOf!.at - a.asOf!.at)[0]
}

function stateWords(newest: SavedHere | undefined, behind: number, now: number): string {
  if (!newest) return 'not yet movable'
  const place = newest.atHub ? '' : '; only on this machine yet'
  return `saved ${asOfWords({ asOf: newest.asOf, behind }, now)}, ${newest.kind}, ${sizeWords(newest.bytes)}${place}`
}
