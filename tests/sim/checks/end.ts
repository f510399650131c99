/** What a world looks like when all is well again: what still differs between its replicas, and the texts to be judged. */
import { dirname, join } from 'node:path'
import type { TreeEntry } from '@meshbook/core/executions.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { resolveTree } from '@meshbook/core/tree.ts'
import { IndexedDatabase } from '@meshbook/web/sync/indexed-database.ts'
import { textOfRows } from '@meshbook/web/sync/stored-rows.ts'
import { syncStatus } from '@meshbook/web/sync/sync-status.ts'
import type { BrowserHost } from '../world/browser-host.ts'
import { type DeviceHost, folder, trashFolder } from '../world/device-host.ts'
import type { World } from '../world/world.ts'
import type { EndOfWorld } from './ledger.ts'

/** The hub's tree: the path that each document wants, undefined for one that is deleted, and the path that it gets. */
interface Tree {
  wanted: Map<DocumentId, string | undefined>
  paths: Map<DocumentId, string>
}

async function treeOf(world: World): Promise<Tree> {
  const { org, project } = world.hub.identity
  const doc = await world.storedDocument(world.hub.disk, org, project.tree)
  const entries = [...doc.getMap<TreeEntry>('files').entries()]
  const wanted = entries.map(([id, { path, deletedAt }]) => [id, deletedAt === undefined ? path : undefined] as const)
  return { wanted: new Map(wanted as [DocumentId, string | undefined][]), paths: resolveTree(entries) }
}

/** The first thing in which the replicas differ; undefined when there is none. */
export async function difference(world: World): Promise<string | undefined> {
  const { org } = world.hub.identity
  const { wanted, paths } = await treeOf(world)
  const listed = new Map((await world.knownDocuments()).map(({ id, path }) => [id, path]))
  for (const [id, path] of paths)
    if (listed.get(id) !== path) return `the hub lists ${id} at ${listed.get(id)}, not ${path}`
  const texts = new Map<DocumentId, string>()
  // Also what was deleted: what somebody wrote there offline must arrive all the same.
  for (const id of wanted.keys()) texts.set(id, await world.storedText(world.hub.disk, org, id))
  for (const browser of world.browsers) {
    const wrong = browserDifference(browser, texts)
    if (wrong !== undefined) return wrong
  }
  for (const device of world.devices) {
    const wrong = await deviceDifference(world, device, paths, texts)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function browserDifference(browser: BrowserHost, texts: ReadonlyMap<DocumentId, string>): string | undefined {
  for (const { document, link } of browser.pages.values()) {
    const text = texts.get(document)
    if (text === undefined) continue
    if (link.doc.getText('content').toString() !== text) return `${browser.name} shows another text of ${document}`
    const { kind } = syncStatus(link.facts.peek())
    if (kind !== 'synced') return `${browser.name} says "${kind}" of ${document}`
  }
  return undefined
}

async function deviceDifference(
  world: World,
  device: DeviceHost,
  paths: ReadonlyMap<DocumentId, string>,
  texts: ReadonlyMap<DocumentId, string>,
): Promise<string | undefined> {
  for (const id of device.written)
    if (texts.has(id) && (await world.storedText(device.store, device.org, id)) !== texts.get(id))
      return `${device.name} stores another text of ${id}`
  if (!device.hasFolder) return undefined
  for (const [id, path] of paths) {
    const text = texts.get(id)!
    const inFile = device.files.readText(join(folder, path))
    if (inFile !== text)
      return `${device.name} has ${inFile === undefined ? 'no file' : 'another text'} at ${path} (${id})`
    if ((await world.storedText(device.store, device.org, id)) !== text)
      return `${device.name} stores another text of ${id}`
  }
  const wanted = new Set([...paths.values()].map(path => join(folder, path)))
  const extra = device.files.filesBelow(folder).find(path => !wanted.has(path) && !isOwnFile(device, path, paths))
  return extra && `${device.name} has ${extra} too much`
}

/** What the device itself keeps in the folder, for a while or for good. */
function isOwnFile(device: DeviceHost, path: string, paths: ReadonlyMap<DocumentId, string>): boolean {
  if (path.startsWith(`${folder}/.meshbook/`) || /\/\.meshbook-[^/]*\.old$/.test(path)) return true
  return path.includes('/.meshbook-') && !isOwed(device, path, paths)
}

/**
 * Whether a temporary file must be gone in the end: a device that forgot everything cannot know what it had begun, and
 * what a crash left of a document that was deleted or moved to another folder meanwhile is found by nobody so far.
 */
function isOwed(device: DeviceHost, path: string, paths: ReadonlyMap<DocumentId, string>): boolean {
  const document = /\/\.meshbook-(doc_[^-]+)-/.exec(path)?.[1] as DocumentId | undefined
  const home = document && paths.get(document)
  return !device.wasWiped && home !== undefined && dirname(join(folder, home)) === dirname(path)
}

/** Files that were set aside stay for a moment, for those who still write to them, and no longer. */
function leftovers(world: World, paths: ReadonlyMap<DocumentId, string>): string[] {
  return world.devices.flatMap(device =>
    device.files
      .filesBelow(folder)
      .filter(path => path.includes('/.meshbook-') && isOwed(device, path, paths))
      .map(path => `LEFT at ${device.name}: ${path}`),
  )
}

/** Everything that is wrong in the end, once the replicas agree. */
export async function judge(world: World): Promise<string[]> {
  const { wanted, paths } = await treeOf(world)
  const text = (id: DocumentId): Promise<string> => world.storedText(world.hub.disk, world.hub.identity.org, id)
  const live = new Map<DocumentId, string>()
  const buried = new Map<DocumentId, string>()
  for (const id of wanted.keys()) (paths.has(id) ? live : buried).set(id, await text(id))
  const trash = world.devices.flatMap(({ files }) => files.filesBelow(trashFolder).map(path => files.readText(path)!))
  const end: EndOfWorld = {
    live,
    buried,
    trash,
    isAskedToGo: id => world.book.of(id).isAskedToGo,
    isGone: id => world.book.isGone(id),
    isCertain: id => world.book.isCertain(id),
  }
  return [
    ...world.ledger.judge(end),
    ...world.book.judge(wanted),
    ...(await browsersKeepAll(world, live)),
    ...problems(world),
  ]
}

/** What the browsers have stored is what they show. */
async function browsersKeepAll(world: World, live: ReadonlyMap<DocumentId, string>): Promise<string[]> {
  const wrong: string[] = []
  for (const browser of world.browsers) {
    for (const document of browser.pages.keys()) {
      let stored: string | undefined
      await world.timeline.in(browser.process!, () => {
        new IndexedDatabase(browser.storage.factory, () => 'check').read(document).then(
          found => {
            // As the page reads them: together, because Yjs may go on waiting for what it has when they come one by one.
            stored = textOfRows(found?.rows ?? [])
          },
          thrown => world.timeline.reportUncaught(thrown),
        )
      })
      await world.advance(100)
      if (live.has(document) && stored !== live.get(document))
        wrong.push(`STORE of ${browser.name} has another text of ${document}: ${JSON.stringify(stored)}`)
    }
  }
  return wrong
}

/** What somebody is to decide is none of them: an edit of what was deleted elsewhere lies in the trash (DV27). */
function problems(world: World): string[] {
  const isWrong = (problem: string) => !problem.includes('was deleted on another device while it was edited here')
  return world.devices.flatMap(({ name, program }) =>
    (program?.problems.list() ?? []).filter(isWrong).map(problem => `PROBLEM at ${name}: ${problem}`),
  )
}

/** Once nobody looks at anything, the hub lets go of it: only what devices follow stays open; and the folders are clean. */
export async function judgeQuiet(world: World): Promise<string[]> {
  for (const browser of world.browsers)
    for (const document of [...browser.pages.keys()]) await browser.closePage(document)
  await world.advance(3 * world.limits.roomIdleMs + 2 * world.limits.replacedFileMs)
  const { paths } = await treeOf(world)
  const { rooms, unsavedBytes } = world.hub.relay!.stats()
  const followed =
    world.devices.length === 0 ? [] : [...paths.keys(), ...world.devices.flatMap(({ written }) => [...written])]
  const most = 1 + new Set(followed).size
  return [
    ...leftovers(world, paths),
    ...(rooms > most ? [`ROOMS ${rooms} are open at the hub, not at most ${most}`] : []),
    ...(unsavedBytes > 0 ? [`UNSAVED ${unsavedBytes} bytes wait for the hub's disk`] : []),
  ]
}
