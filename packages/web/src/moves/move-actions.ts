/** What is done about a live session and its saved states, wherever they are shown (SW7). */
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import { asOfWords, clockWords } from '@meshbook/core/session-words.ts'
import type { SnapshotInfo } from '@meshbook/core/snapshot.ts'
import { api } from '../api/client.ts'
import { ask, confirmed } from '../shell/ask.ts'
import { counted, sessionName } from '../shell/device-words.ts'
import { devicesFor } from '../shell/give-run.ts'
import { deviceById, type RunInfo, rememberRun } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import { comesAlong } from './comes-along.ts'
import { followMove } from './followed-moves.ts'
import { firstLine } from './missing-cells.ts'
import { movesApi } from './moves-api.ts'

/** What a list of devices is for: nothing chosen is the one that fits best. */
const best = ''

async function chooseDevice(session: SessionInfo, title: string, text: string, action: string) {
  const able = devicesFor(session).filter(({ id }) => id !== session.device)
  const choices = able.map(device => ({
    value: device.id as string,
    label: device.name,
    note: device.status === 'online' ? alongWords(session, device) : 'not answering now',
  }))
  if (choices.length === 0) {
    notify('No other device can run it', `Start Meshbook on another machine that has ${session.language}.`, 'bad')
    return undefined
  }
  return ask({ title, text, action, choices: [{ value: best, label: 'The device that fits best' }, ...choices] })
}

function alongWords({ saved }: SessionInfo, device: DeviceInfo): string {
  return saved && comesAlong(saved, device) ? 'online, takes what is saved' : 'online'
}

const nameOf = (device: string | null): string => deviceById.peek().get(device ?? '')?.name ?? 'another device'

/** Runs a move to its end and says how it ended; undefined unless it is done. */
async function run(begin: () => Promise<Move>, failed: string): Promise<Move | undefined> {
  try {
    const move = await followMove(await begin())
    if (!move) notify('Cancelled', 'The session is where it was, as it was.')
    return move
  } catch (thrown) {
    report(thrown, failed)
    return undefined
  }
}

export async function moveSession(session: SessionInfo): Promise<void> {
  const title = `Move ${sessionName(session)} to…`
  const text = 'Its variables go along. It stays where it is until it has arrived, and if anything fails.'
  const to = await chooseDevice(session, title, text, 'Move it')
  if (to === undefined) return
  const move = await run(
    () => movesApi.migrate(session.id, to === best ? undefined : to),
    `${sessionName(session)} was not moved`,
  )
  if (move) notify(`${sessionName(session)} is on ${nameOf(move.to)}`, 'With its variables.')
}

/** The name that notebooks call the copy by; undefined where there is none. */
export async function forkSession(session: SessionInfo): Promise<string | undefined> {
  const value = `${session.name === 'default' ? session.language : session.name}-fork`.slice(0, 60)
  const name = await ask({
    title: `Fork ${sessionName(session)}?`,
    text: 'A copy of all its variables as they are now, which goes its own way: to try something, or for an agent to work in.',
    label: 'Name of the copy',
    hint: 'Any notebook of the project uses it with this name as its session.',
    value,
    action: 'Fork',
  })
  if (name === undefined) return undefined
  const move = await run(() => movesApi.fork(session.id, { name }), `${sessionName(session)} was not copied`)
  if (!move) return undefined
  notify(`Forked as ${name}`, `It is on ${nameOf(move.to ?? session.device)}; the original goes on as it was.`)
  return name
}

export async function saveSession(session: SessionInfo): Promise<void> {
  const name = await ask({
    title: `Save the state of ${sessionName(session)}`,
    text: 'It is kept under its name until you delete it. Only your own devices can open it.',
    label: 'Name',
    value: `${sessionName(session)}, kept`,
    action: 'Save',
  })
  if (name === undefined) return
  if (await run(() => movesApi.save(session.id, name), `${sessionName(session)} was not saved`))
    notify(`Saved as ${name}`, 'It is in the list of saved states.')
}

export const titleOfState = ({ name, asOf }: Pick<SnapshotInfo, 'name' | 'asOf'>, now: number): string =>
  name ?? `as of ${clockWords(asOf.at, now)}`

export async function restoreState(session: SessionInfo, saved: SnapshotInfo, now: number): Promise<void> {
  const text = session.device
    ? 'What the session holds now is kept as a saved state, so this can be taken back.'
    : 'The session goes on with these variables.'
  const points = saved.lost.map(({ name, reason }) => `${name} does not come back: ${reason}`)
  const title = `Restore ${titleOfState(saved, now)}?`
  if (!(await confirmed({ title, text, points, action: 'Restore' }))) return
  const move = await run(() => movesApi.restore(saved.id, {}), 'The state was not restored')
  if (move) notify('Restored', `The session is ${asOfWords({ asOf: saved.asOf, behind: 0 }, now)}.`)
}

export async function restoreAsFork(saved: SnapshotInfo, now: number): Promise<void> {
  const name = await ask({
    title: `A session of its own from ${titleOfState(saved, now)}`,
    label: 'Name of the session',
    hint: 'Any notebook of the project uses it with this name as its session.',
    value: `${(saved.name ?? 'restored').replaceAll(/\s+/g, '-')}`.slice(0, 60),
    action: 'Restore beside it',
  })
  if (name === undefined) return
  const move = await run(() => movesApi.restore(saved.id, { as: name }), 'The state was not restored')
  if (move) notify(`Restored as ${name}`, 'The session it is of goes on as it was.')
}

export async function keepState(saved: SnapshotInfo, now: number): Promise<boolean> {
  const name = await ask({
    title: saved.name === null ? 'Keep this state under a name' : 'Rename the saved state',
    text: 'States with a name are kept until you delete them.',
    label: 'Name',
    value: saved.name ?? `State of ${clockWords(saved.asOf.at, now)}`,
    action: saved.name === null ? 'Keep' : 'Rename',
  })
  return name !== undefined && done(movesApi.nameSnapshot(saved.id, name), 'It was not renamed')
}

export async function deleteState(saved: SnapshotInfo, now: number): Promise<boolean> {
  const question = { text: 'It cannot be brought back.', action: 'Delete', danger: true }
  if (!(await confirmed({ title: `Delete ${titleOfState(saved, now)}?`, ...question }))) return false
  return done(movesApi.deleteSnapshot(saved.id), 'It was not deleted')
}

export async function done(doing: Promise<unknown>, failed: string): Promise<boolean> {
  try {
    await doing
    return true
  } catch (thrown) {
    report(thrown, failed)
    return false
  }
}

export const cancelMove = (move: string): void => void done(movesApi.cancel(move), 'The move was not cancelled')

export const runElsewhereNow = (run: Pick<RunInfo, 'id'>): void =>
  void done(movesApi.elsewhere(run.id), 'The run was not given to another device')

/** In their order, each after the other in the session's own queue (SW3). */
export async function runMissing(missing: readonly (RunInfo & { code?: string | undefined })[]): Promise<void> {
  const cells = counted(missing.length, 'missing cell')
  const points = missing.map(({ code, path }) => firstLine(code) ?? path ?? 'a cell')
  const text = 'They run again, in this order, as they were. What they did outside may happen twice.'
  if (!(await confirmed({ title: `Run the ${cells}?`, text, points, action: 'Run' }))) return
  try {
    for (const { id } of missing) rememberRun(await api.runAgain(id))
  } catch (thrown) {
    report(thrown, 'Not all of the missing cells were run')
  }
}
