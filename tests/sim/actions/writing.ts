/** People and programs write: in pages of browsers, and through devices. */
import type { DocumentId } from '@meshbook/core/ids.ts'
import * as Y from 'yjs'
import type { Mark } from '../checks/ledger.ts'
import { marksIn, newPayload, placesIn } from '../checks/marks.ts'
import type { BrowserHost, OpenPage } from '../world/browser-host.ts'
import type { Chance } from '../world/chance.ts'
import type { DeviceHost } from '../world/device-host.ts'
import type { World } from '../world/world.ts'
import type { Act } from './action.ts'

interface Desk {
  browser: BrowserHost
  page: OpenPage
}

function desksOf(world: World): Desk[] {
  return world.browsers
    .filter(({ running }) => running)
    .flatMap(browser => [...browser.pages.values()].filter(({ isReady }) => isReady).map(page => ({ browser, page })))
}

const textOf = (doc: Y.Doc): Y.Text => doc.getText('content')

/** What follows a mark: it is a line of its own, or in a dense text also a part of one. */
function ending(world: World, mark: Mark, text: string, at: number): string {
  const isLineStart = at === 0 || text[at - 1] === '\n'
  return isLineStart && !(world.shape.isDense && mark.number % 3 === 0) ? '\n' : ''
}

/** A text in parts of whole characters. */
function strokesOf(text: string, count: number): string[] {
  const characters = [...text]
  const size = Math.ceil(characters.length / count)
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, i) =>
    characters.slice(i * size, (i + 1) * size).join(''),
  )
}

/** Types a mark in a few strokes; whoever is killed on the way leaves a part of it. */
export const type: Act = async (world, chance) => {
  const desk = chance.one(desksOf(world))
  if (!desk) return false
  const { browser, page } = desk
  const process = browser.process!
  const mark = world.ledger.begin(page.document, browser.name, newPayload(chance))
  world.note(`${browser.name} types ${mark.text} in ${page.document}`)
  const strokes = chance.between(1, 4)
  const parts = strokesOf(mark.text, strokes)
  const pace = chance.between(3, 60)
  let cursor: Y.RelativePosition | undefined
  await world.timeline.in(process, () => {
    const text = textOf(page.link.doc)
    const at = chance.one(placesIn(text.toString(), world.shape.isDense))!
    text.insert(at, parts[0] + ending(world, mark, text.toString(), at))
    cursor = Y.createRelativePositionFromTypeIndex(text, at + parts[0]!.length, -1)
    if (parts.length > 1) return
    mark.isWhole = true
    world.wrote(page, mark)
  })
  for (let i = 1; i < parts.length; i++)
    world.timeline.schedule(process, i * pace, () => {
      if (browser.pages.get(page.document) !== page) return
      const text = textOf(page.link.doc)
      const place = Y.createAbsolutePositionFromRelativePosition(cursor!, page.link.doc)!.index
      const part = parts[i]!
      // What stood there was deleted, and who writes where it stood may come in between.
      if (isBeforeDeleted(text, cursor!)) mark.isTorn = true
      text.insert(place, part)
      cursor = Y.createRelativePositionFromTypeIndex(text, place + part.length, -1)
      if (i + 1 < parts.length) return
      mark.isWhole = true
      world.wrote(page, mark)
    })
  return true
}

/** Whether what was written up to the cursor is followed by something that was deleted. */
function isBeforeDeleted(text: Y.Text, cursor: Y.RelativePosition): boolean {
  for (let item = text._start; item; item = item.right)
    if (cursor.item && item.id.client === cursor.item.client && item.lastId.clock === cursor.item.clock)
      return item.right?.deleted === true
  return false
}

/** Deletes a whole mark, or moves its text elsewhere in one step, where it counts as newly written. */
const remove =
  (isMove: boolean): Act =>
  async (world, chance) => {
    const desk = chance.one(desksOf(world))
    const text = desk && textOf(desk.page.link.doc)
    const found = text && chance.one(marksIn(text.toString()))
    if (!desk || !text || !found) return false
    const { browser, page } = desk
    const moved = isMove ? world.ledger.begin(page.document, browser.name, newPayload(chance)) : undefined
    world.note(
      `${browser.name} ${moved ? `moves ${found.text} as ${moved.text}` : `deletes ${found.text}`} in ${page.document}`,
    )
    await world.timeline.in(browser.process!, () => {
      page.link.doc.transact(() => {
        text.delete(found.at, found.text.length)
        if (moved) {
          const at = chance.one(placesIn(text.toString(), false))!
          text.insert(at, `${moved.text}\n`)
        }
      })
      const mark = world.ledger.deleted(found)
      if (mark) world.deletedIn(page, mark)
      if (moved) {
        moved.isWhole = true
        world.wrote(page, moved)
      }
    })
    return true
  }
export const erase = remove(false)
export const move = remove(true)

/** A program of a device writes into a document, as the monitor does, and waits until that is durable there. */
export const program: Act = async (world, chance) => {
  const device = chance.one(world.devices.filter(({ running, program }) => running && program))
  const document = chance.one(await world.knownDocuments())
  if (!device || !document) return false
  const mark = world.ledger.begin(document.id, `${device.name} program`, newPayload(chance))
  world.note(`${device.name} writes ${mark.text} in ${document.id}`)
  await world.timeline.in(device.process!, () => {
    writeThrough(world, device, document.id, mark, chance).catch(() => undefined)
  })
  return true
}

async function writeThrough(
  world: World,
  device: DeviceHost,
  document: DocumentId,
  mark: Mark,
  chance: Chance,
): Promise<void> {
  const peer = device.open(document)
  device.written.add(document)
  await peer.ready
  const text = textOf(peer.doc)
  // A document that is not here yet is written into all the same: by another identity, never by another text.
  mark.isWhole = true
  text.insert(chance.one(placesIn(text.toString(), false))!, `${mark.text}\n`)
  await peer.durable()
  world.ledger.promise(mark, `device ${device.name}`, `durable in ${device.name}`)
  setTimeout(() => void peer.close(), chance.between(0, 5_000))
}
