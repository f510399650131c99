/** Documents are made, opened, renamed and deleted through the hub. */
import { pathOfId } from '@meshbook/core/executions.ts'
import type { Documents } from '@meshbook/hub/documents/documents.ts'
import { newPayload } from '../checks/marks.ts'
import type { BrowserHost } from '../world/browser-host.ts'
import type { World } from '../world/world.ts'
import type { Act } from './action.ts'

const names = ['a.md', 'b.md', 'notes/c.md', 'Übung.md', 'notes/日記.md', 'A.md', 'deep/er/d.qmd']

/** A request of a page to the hub: it may not arrive, and so may its answer. */
async function ask<T>(
  world: World,
  browser: BrowserHost,
  work: (documents: Documents) => Promise<T>,
  answered: (result: T) => void,
): Promise<void> {
  const { hub, timeline, network } = world
  if (!hub.running || !hub.documents || network.isParted(browser.name)) return
  const documents = hub.documents
  timeline.schedule(hub.process!, 5, () => {
    work(documents).then(
      result => {
        if (browser.running) answered(result)
      },
      () => undefined,
    )
  })
}

const anyBrowser = (world: World): BrowserHost[] => world.browsers.filter(({ running }) => running)

export const create: Act = async (world, chance) => {
  const browser = chance.one(anyBrowser(world))
  if (!browser) return false
  const { org, project } = world.hub.identity
  const path = chance.one(names)!
  const mark = world.ledger.begin(undefined, browser.name, newPayload(chance))
  mark.isWhole = true
  world.note(`${browser.name} makes ${path} with ${mark.text}`)
  await ask(
    world,
    browser,
    documents => documents.create(org, project.id, path, `${mark.text}\n`),
    info => {
      mark.document = info.id
      world.book.made(info.id, path)
      world.ledger.promise(mark, 'hub', 'created')
      world.note(`  it is ${info.id}`)
    },
  )
  return true
}

export const open: Act = async (world, chance) => {
  const browser = chance.one(anyBrowser(world))
  const document = chance.one(await world.knownDocuments())
  if (!browser || !document || browser.pages.has(document.id) || world.network.isParted(browser.name)) return false
  world.note(`${browser.name} opens ${document.path} (${document.id})`)
  await browser.open(document.id, `me/demo/${pathOfId(document.id)}`)
  return true
}

export const closePage: Act = async (world, chance) => {
  const browser = chance.one(anyBrowser(world).filter(({ pages }) => pages.size > 0))
  const document = browser && chance.one([...browser.pages.keys()])
  if (!browser || !document) return false
  world.note(`${browser.name} closes ${document}`)
  await browser.closePage(document)
  return true
}

export const rename: Act = async (world, chance) => {
  const browser = chance.one(anyBrowser(world))
  const document = chance.one(await world.knownDocuments())
  if (!browser || !document) return false
  const { org, project } = world.hub.identity
  world.book.ask(document.id)
  const path = chance.happens(0.4) ? chance.one(names)! : `renamed-${chance.between(1, 99)}.md`
  world.note(`${browser.name} renames ${document.path} (${document.id}) to ${path}`)
  await ask(
    world,
    browser,
    documents => documents.move(org, project.id, document.id, path),
    info => {
      world.book.of(info.id).unanswered--
      world.book.moved(info.id, path)
      world.note(`  ${document.id} is at ${info.path}`)
    },
  )
  return true
}

export const remove: Act = async (world, chance) => {
  const browser = chance.one(anyBrowser(world))
  const document = chance.one(await world.knownDocuments())
  if (!browser || !document) return false
  const { org, project } = world.hub.identity
  world.note(`${browser.name} deletes the document ${document.path} (${document.id})`)
  world.book.askToDelete(document.id)
  await ask(
    world,
    browser,
    documents => documents.remove(org, project.id, document.id),
    () => {
      world.book.of(document.id).unanswered--
      world.book.of(document.id).isDeleted = true
    },
  )
  return true
}
