/** What a person does with versions: each asks first where it changes the text, and offers the way back. */
import type { Version } from '@meshbook/core/api.ts'
import { nextRedo, nextUndo } from '@meshbook/core/history/undo-plan.ts'
import { ask, confirmed } from '../shell/ask.ts'
import { me } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import type { HistoryStore } from './history-store.ts'
import { authorsText, sizeText, whenOf } from './version-words.ts'

const clock = { now: (): number => performance.timeOrigin + performance.now() }

export async function nameVersion(history: HistoryStore): Promise<void> {
  const name = await ask({
    title: 'Name the version as it is now',
    label: 'Name',
    value: '',
    hint: 'A version with a name is kept for good.',
    action: 'Name it',
  })
  if (!name?.trim()) return
  try {
    await history.api.recordVersion(history.document, name.trim())
    await history.load()
    notify(`This version is called “${name.trim()}”`)
  } catch (thrown) {
    report(thrown, 'The version was not named')
  }
}

export async function restoreVersion(history: HistoryStore, version: Version): Promise<void> {
  const when = whenOf(version.at, clock.now())
  const sure = await confirmed({
    title: 'Restore this version?',
    text: `The text becomes what it was ${when}. What is there now stays in the history, and what others type meanwhile stays in the text.`,
    action: 'Restore',
  })
  if (!sure) return
  try {
    const made = await history.api.restoreVersion(history.document, version.version)
    history.selected.value = undefined
    await history.load()
    notify('Restored', `The text is that of ${when}.`, 'info', undoAction(history, made))
  } catch (thrown) {
    report(thrown, 'The version was not restored')
  }
}

/** The newest change of this user, wherever it was made: what it is about is said before it is taken back. */
export async function undoAnywhere(history: HistoryStore): Promise<void> {
  await history.refresh()
  if (history.problem.value) return report(history.problem.value, 'The history cannot be read')
  const target = nextUndo(history.versions.value ?? [], me.value?.user ?? '')
  const version = 'version' in target ? history.find(target.version) : undefined
  if (!version) return notify('Nothing to undo', 'refused' in target ? capital(target.refused) : '')
  const sure = await confirmed({
    title: 'Undo your last change?',
    text: `Made ${whenOf(version.at, clock.now())}, by ${authorsText(version)}: ${sizeText(version)}. What was written since stays.`,
    action: 'Undo the change',
  })
  if (sure) await turnBack(history, 'undo', version.version)
}

export async function redoAnywhere(history: HistoryStore): Promise<void> {
  const target = nextRedo(history.versions.value ?? [], me.value?.user ?? '')
  if ('version' in target) await turnBack(history, 'redo', target.version)
}

async function turnBack(history: HistoryStore, kind: 'undo' | 'redo', version: number): Promise<void> {
  try {
    const made = await history.api.turnBack(history.document, kind, version)
    await history.load()
    if (kind === 'redo') return notify('Redone')
    const redo = { label: 'Redo', run: () => void turnBack(history, 'redo', made.version) }
    notify('Undone', sizeText(made), 'info', redo)
  } catch (thrown) {
    await history.load()
    report(thrown, kind === 'undo' ? 'The change was not undone' : 'The change was not redone')
  }
}

function undoAction(history: HistoryStore, made: Version) {
  return { label: 'Undo', run: () => void turnBack(history, 'undo', made.version) }
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
