/**
 * What was shared and has a place is brought there, once, however often it is tried (PH64). An edit is made once, stored,
 * and applied; a note is made at a path at which nothing is; a file is sent under the hash of what is in it. Knows no
 * browser: what it works on are ports.
 */
import { sharedNames } from '@meshbook/core/executions.ts'
import * as Y from 'yjs'
import { spaced } from '../../notebook/page-edits.ts'
import { pieceOf } from './piece.ts'
import type { Goal, Shared, SharedFile } from './shared.ts'
import type { Change } from './shared-store.ts'

export interface SettlePorts {
  store: { change(id: string, make: Change): Promise<Shared | undefined> }
  /** Runs the work on the document, and resolves when its edits are stored here; `away`: it is not here and the hub is not. */
  onDocument(goal: Goal & { is: 'end' }, work: (doc: Y.Doc) => Promise<void>): Promise<'stored' | 'away' | 'gone'>
  /** Whether the hub has it now; throws what it refuses for good. */
  sendFile(file: SharedFile, project: string): Promise<boolean>
  /** `taken`: something else is at the path. Throws what the hub refuses for good. */
  makeNote(goal: Goal & { is: 'new' }, text: string): Promise<'made' | 'taken' | 'away'>
}

export type Settled = 'done' | 'waits' | 'refused'

export async function settle(shared: Shared, ports: SettlePorts): Promise<Settled> {
  if (!shared.goal || shared.refused) return shared.refused ? 'refused' : 'waits'
  try {
    return await tried(shared, shared.goal, ports)
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
    const { message, hint } = thrown
    await ports.store.change(shared.id, now => ({ ...now, refused: { message, hint } }))
    return 'refused'
  }
}

/** It is not made as it was chosen, and trying again would not help. */
export class Refusal extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

async function tried(shared: Shared, goal: Goal, ports: SettlePorts): Promise<Settled> {
  if (goal.is === 'end' && !shared.written && !(await write(shared, goal, ports))) return 'waits'
  for (const file of shared.files) if (!file.sent && !(await send(shared, file, goal, ports))) return 'waits'
  if (goal.is === 'new' && !(await make(shared, goal, ports))) return 'waits'
  await ports.store.change(shared.id, () => 'drop')
  return 'done'
}

async function send(shared: Shared, file: SharedFile, goal: Goal, { store, sendFile }: SettlePorts): Promise<boolean> {
  if (!(await sendFile(file, goal.project))) return false
  const sent = (other: SharedFile) => (other.asset === file.asset ? { ...other, sent: true } : other)
  await store.change(shared.id, now => ({ ...now, files: now.files.map(sent) }))
  return true
}

async function make(shared: Shared, goal: Goal & { is: 'new' }, ports: SettlePorts): Promise<boolean> {
  const made = await ports.makeNote(goal, await noteOf(shared))
  if (made === 'taken')
    throw new Refusal('There is another notebook of that name.', 'Choose another name, or the end of that one.')
  return made === 'made'
}

/** A Markdown file that comes alone is the note itself. */
export async function noteOf(shared: Shared): Promise<string> {
  const [file, ...others] = shared.files
  const isAlone = file && others.length === 0 && shared.text.trim() === '' && shared.url.trim() === ''
  return isAlone && isMarkdown(file) ? await file.data.text() : pieceOf(shared)
}

const isMarkdown = ({ name, type }: SharedFile): boolean => type === 'text/markdown' || /\.(?:md|markdown)$/i.test(name)

async function write(shared: Shared, goal: Goal & { is: 'end' }, ports: SettlePorts): Promise<boolean> {
  const result = await ports.onDocument(goal, doc => writeOnce(doc, shared, ports.store))
  if (result === 'gone') throw new Refusal('The notebook is not there any more.', 'Choose another one.')
  if (result === 'away') return false
  await ports.store.change(shared.id, now => ({ ...now, written: true }))
  return true
}

/** After a kill the same edit is applied again, which changes nothing where it is already. */
async function writeOnce(doc: Y.Doc, shared: Shared, store: SettlePorts['store']): Promise<void> {
  const piece = pieceOf(shared)
  const text = () => doc.getText(sharedNames.content).toString()
  if (shared.update) {
    if (fits(doc, shared.update)) return void Y.applyUpdate(doc, shared.update)
    // The document was made anew by the hub, and edits came along as text.
    if (text().includes(piece.trim())) return
  }
  const update = editAtEnd(doc, piece)
  const kept = await store.change(shared.id, now => ({ ...now, update }))
  if (!kept) throw new Refusal('It was taken back.', 'Share it once more.')
  Y.applyUpdate(doc, update)
}

/** The edit as bytes, made beside the document. */
export function editAtEnd(doc: Y.Doc, piece: string): Uint8Array {
  const beside = new Y.Doc()
  Y.applyUpdate(beside, Y.encodeStateAsUpdate(doc))
  const before = Y.encodeStateVector(beside)
  const content = beside.getText(sharedNames.content)
  const text = content.toString()
  content.insert(text.length, spaced(text, text.length, text.length, piece))
  const update = Y.encodeStateAsUpdate(beside, before)
  beside.destroy()
  return update
}

/** Whether all that the edit stands on is there. */
function fits(doc: Y.Doc, update: Uint8Array): boolean {
  const beside = new Y.Doc()
  Y.applyUpdate(beside, Y.encodeStateAsUpdate(doc))
  Y.applyUpdate(beside, update)
  const isWhole = beside.store.pendingStructs === null && beside.store.pendingDs === null
  beside.destroy()
  return isWhole
}
