/** Other programs of a device change the files of its folder. They know nothing of documents. */
import { join } from 'node:path'
import type { DocumentInfo } from '@meshbook/core/api.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { marksIn, newPayload } from '../checks/marks.ts'
import type { Chance } from '../world/chance.ts'
import { type DeviceHost, folder } from '../world/device-host.ts'
import type { World } from '../world/world.ts'
import type { Act } from './action.ts'

const withFolder = (world: World): DeviceHost[] => world.devices.filter(({ hasFolder }) => hasFolder)

function notebooksOf(device: DeviceHost): string[] {
  return device.files.filesBelow(folder).filter(path => /\.q?md$/.test(path) && !path.includes('/.'))
}

interface Edited {
  text: string
  /** Numbers of the marks that are new. */
  made: number[]
}

/** Adds whole lines to a text and takes some away, as somebody in an editor does. */
function edited(world: World, device: DeviceHost, text: string, chance: Chance, path: string): Edited {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const made: number[] = []
  const deletes = lines.length > 0 && chance.happens(0.25)
  if (deletes) {
    const [line] = lines.splice(chance.between(0, lines.length - 1), 1)
    for (const found of marksIn(line!)) world.ledger.deleted(found)
  }
  for (let i = chance.between(deletes ? 0 : 1, 2); i > 0; i--) {
    const mark = world.ledger.begin(undefined, `${device.name} file`, newPayload(chance))
    mark.isWhole = true
    made.push(mark.number)
    lines.splice(chance.between(0, lines.length), 0, mark.text)
    world.note(`${device.name}: ${mark.text} goes into the file ${path}`)
  }
  return { text: lines.map(line => `${line}\n`).join(''), made }
}

/** Writes the file, and notes in the book what that does to what stood there. */
function save(world: World, device: DeviceHost, path: string, { text, made }: Edited, chance: Chance): void {
  const { files } = device
  if (files.readText(path) === undefined) world.book.contest(path.slice(folder.length + 1))
  if (files.readText(path) === undefined) noteCopied(world, device, path)
  if (files.readText(path) === undefined) noteCameBack(world, device, path, text)
  world.book.fileChanged(path.slice(folder.length + 1))
  world.savedAt.set(`${device.name} ${path}`, world.timeline.time)
  noteReplaced(world, files.readText(path) ?? '', text, made)
  for (const { number } of marksIn(text)) world.ledger.marks[number]!.safeAt.add(`file ${device.name}`)
  const how = chance.between(0, 2)
  if (how === 0) files.replaceText(path, text)
  else if (how === 1 && files.readText(path) !== undefined) {
    files.overwrite(path, '')
    const saving = { device: device.name, text }
    world.halfSaved.add(saving)
    world.later(chance.between(1, 30), () => {
      world.halfSaved.delete(saving)
      const meanwhile = files.readText(path) ?? ''
      if (meanwhile !== '') noteReplaced(world, meanwhile, text, made)
      files.overwrite(path, text)
    })
  } else files.overwrite(path, text)
}

/** A device must have had the time to see what was done to a file: else a renamed one is a new one, or a deleted one was saved. */
const seenMs = 1_500

/** A file appears where one was deleted, or with half of its lines: then that one was saved, or renamed. */
function noteCameBack(world: World, device: DeviceHost, path: string, text: string): void {
  for (const deleted of world.deletedFiles.filter(({ device: name }) => name === device.name)) {
    const ranSince = device.running && device.process === deleted.process
    const couldSee = ranSince && world.timeline.time - deleted.time > seenMs
    if (!couldSee && (deleted.path === path || hasHalf(text, deleted.text)))
      world.ledger.keptFile(device.name, deleted.path)
  }
}

function hasHalf(text: string, of: string): boolean {
  const lines = of.split('\n').filter(line => line !== '')
  return lines.filter(line => text.split('\n').includes(line)).length * 2 >= lines.length
}

/** A file that was renamed stands at its old path again: for who looks only now, it was copied. */
function noteCopied(world: World, device: DeviceHost, path: string): void {
  const to = whereItWent(world, device, path)
  const text = to && device.files.readText(to)
  const documents = new Set<DocumentId | undefined>()
  world.ledger.found(text ?? '')
  for (const { number } of marksIn(text ?? '')) documents.add(world.ledger.marks[number]!.document)
  documents.delete(undefined)
  for (const mark of world.ledger.marks) if (documents.has(mark.document)) mark.copies++
}

/** The last of the names that a renamed file got. */
function whereItWent(world: World, device: DeviceHost, path: string): string | undefined {
  const passed = new Set<string>()
  let to: string | undefined = path
  while (to !== undefined && !passed.has(to) && device.files.readText(to) === undefined) {
    passed.add(to)
    to = world.renamedFrom.get(`${device.name} ${to}`)
  }
  return to
}

/** A text takes the place of another: some marks are deleted, and some that were not there any more come again. */
function noteReplaced(world: World, before: string, after: string, made: readonly number[]): void {
  world.ledger.tearUnfinished(before)
  world.ledger.tearUnfinished(after)
  const old = new Set(marksIn(before).map(({ number }) => number))
  const next = new Set(marksIn(after).map(({ number }) => number))
  for (const number of old) if (!next.has(number)) world.ledger.marks[number]!.deletions++
  for (const number of next) if (!old.has(number) && !made.includes(number)) world.ledger.marks[number]!.copies++
}

export const editFile: Act = (world, chance) => {
  const device = chance.one(withFolder(world))
  const path = device && chance.one(notebooksOf(device))
  if (!device || !path) return false
  save(world, device, path, edited(world, device, device.files.readText(path)!, chance, path), chance)
  return true
}

/** An editor has had the file open for a while and saves what it has, whatever happened to the file meanwhile. */
export const staleEdit: Act = (world, chance) => {
  const device = chance.one(withFolder(world))
  const path = device && chance.one(notebooksOf(device))
  if (!device || !path) return false
  const buffer = device.files.readText(path)!
  world.later(chance.between(50, 2_000), () => {
    world.note(`${device.name}: an old buffer is saved over ${path}`)
    save(world, device, path, edited(world, device, buffer, chance, path), chance)
  })
  return true
}

export const createFile: Act = (world, chance) => {
  const device = chance.one(withFolder(world))
  const name = chance.one(['new.md', 'a.md', 'sub/new.md', 'Ünï.md', `n${chance.between(1, 50)}.qmd`])!
  if (!device || device.files.readText(join(folder, name)) !== undefined) return false
  device.files.makeFolders(join(folder, name, '..'))
  save(world, device, join(folder, name), edited(world, device, '', chance, name), chance)
  return true
}

export const renameFile: Act = async (world, chance) => {
  const device = chance.one(withFolder(world))
  const path = device && chance.one(notebooksOf(device))
  if (!device || !path) return false
  const to = join(folder, `moved-${chance.between(1, 99)}.md`)
  if (device.files.readText(to) !== undefined) return false
  world.note(`${device.name}: the file ${path} is renamed to ${to}`)
  const known = await documentAt(world, path)
  world.book.contest(path.slice(folder.length + 1))
  world.book.contest(to.slice(folder.length + 1))
  const savedAt = world.savedAt.get(`${device.name} ${path}`) ?? 0
  if (known && world.timeline.time - savedAt > seenMs) world.book.fileRenamed(known.id, to.slice(folder.length + 1))
  world.renamedFrom.set(`${device.name} ${path}`, to)
  noteCameBack(world, device, to, device.files.readText(path)!)
  device.files.renameFile(path, to)
  return true
}

export const deleteFile: Act = async (world, chance) => {
  const device = chance.one(withFolder(world))
  const path = device && chance.one(notebooksOf(device))
  if (!device || !path) return false
  world.note(`${device.name}: the file ${path} is deleted`)
  const known = await documentAt(world, path)
  world.book.contest(path.slice(folder.length + 1))
  world.book.fileChanged(path.slice(folder.length + 1))
  if (known) world.book.fileDeleted(known.id)
  const text = device.files.readText(path)!
  for (const found of marksIn(text)) {
    const mark = world.ledger.deleted(found)
    if (mark?.safeAt.has('hub') && known) mark.trashOf = { device: device.name, document: known.id, path }
  }
  const { time } = world.timeline
  world.deletedFiles.push({ device: device.name, path, text, time, process: device.process })
  device.files.removeFile(path)
  return true
}

async function documentAt(world: World, path: string): Promise<DocumentInfo | undefined> {
  return (await world.knownDocuments()).find(document => document.path === path.slice(folder.length + 1))
}
