import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import {
  type AssetId,
  type DocumentId,
  type Epoch,
  newId,
  parseAssetId,
  parseEpoch,
  systemRandom,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import fc from 'fast-check'
import * as Y from 'yjs'
import { assetsOfEvent } from '../store/asset-references.ts'
import { type AssetParts, openAssetParts } from '../testing/asset-parts.ts'
import { AssetCollector } from './asset-collector.ts'

const never = new AbortController().signal
const day = 24 * 3_600_000
const idOf = (bytes: Uint8Array) => parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)

/** As a client does it: looks first, and tries again when another of its requests was newer. */
async function store(parts: AssetParts, text: string): Promise<AssetId> {
  const bytes = Buffer.from(text)
  const id = idOf(bytes)
  for (;;) {
    if (await parts.store.call('claimAsset', { org: parts.owner.org, id })) return id
    try {
      return await send(parts, bytes)
    } catch (error) {
      if (!(error instanceof MeshError && error.code === 'CONFLICT')) throw error
      // As devices do: two that come back at once would cut each other off for ever.
      await sleep(randomInt(1, 30))
    }
  }
}

async function send({ uploads, owner }: AssetParts, bytes: Uint8Array): Promise<AssetId> {
  async function* chunks() {
    yield bytes
  }
  const piece = { from: undefined, total: bytes.length, last: true }
  await uploads.receive(owner, idOf(bytes), piece, chunks(), never)
  return idOf(bytes)
}

const has = async ({ store, owner }: AssetParts, id: AssetId) =>
  (await store.query('findAsset', { org: owner.org, id })) !== null

/** A document as the relay stores it: each change an update. */
class Written {
  readonly id: DocumentId = newId('document', 1, systemRandom)
  readonly doc = new Y.Doc()
  #epoch: Epoch = parseEpoch(1)
  readonly #parts: AssetParts
  constructor(parts: AssetParts) {
    this.#parts = parts
  }
  async edit(change: (doc: Y.Doc) => void): Promise<void> {
    const updates: Uint8Array[] = []
    const keep = (update: Uint8Array) => updates.push(update)
    this.doc.on('update', keep)
    change(this.doc)
    this.doc.off('update', keep)
    await this.#parts.documents.append(this.key, this.#epoch, updates)
  }
  get key() {
    return { org: this.#parts.owner.org, document: this.id }
  }
  write(text: string): Promise<void> {
    return this.edit(doc => doc.getText(sharedNames.content).insert(0, text))
  }
  clear(): Promise<void> {
    return this.edit(doc => doc.getText(sharedNames.content).delete(0, doc.getText(sharedNames.content).length))
  }
}

/** Long enough, with a collection before and after. */
async function pass({ collector, clock }: AssetParts, ms = limits.assetGraceMs + 1) {
  await collector.collect()
  clock.at += ms
  return collector.collect()
}

test('AG1 what a document names anywhere stays: in its text, typed letter by letter, in executions, in any shared type', async t => {
  const parts = await openAssetParts(t)
  const ids = await Promise.all(Array.from({ length: 6 }, (_, n) => store(parts, `picture ${n}`)))
  const [inText, typed, inMap, inArray, deleted, loose] = ids as [AssetId, AssetId, AssetId, AssetId, AssetId, AssetId]
  const document = new Written(parts)
  await document.write(`# Hello\n\n![plot](asset:${inText})\n`)
  for (const [at, letter] of [...`![](asset:${typed})`].entries())
    await document.edit(doc => doc.getText(sharedNames.content).insert(at, letter))
  await document.edit(doc => {
    const entry = new Y.Map<unknown>()
    doc.getMap(sharedNames.executions).set('run', entry)
    entry.set('displayData', [{ parts: [{ at: 'asset', mimeType: 'image/png', asset: inMap, bytes: 1 }] }])
    doc.getArray('foreign').push([{ deep: [inArray] }])
  })
  await document.edit(doc => doc.getText(sharedNames.content).insert(0, `asset:${deleted}`))
  await document.edit(doc => doc.getText(sharedNames.content).delete(0, `asset:${deleted}`.length))
  const collected = await pass(parts)
  assert.deepEqual([collected.deleted, collected.putOff], [2, 0])
  for (const id of [inText, typed, inMap, inArray]) assert.ok(await has(parts, id))
  for (const id of [deleted, loose]) assert.ok(!(await has(parts, id)))
})

test('AG1 a file that a project tree lists stays, and goes once it is deleted there or has other content', async t => {
  const parts = await openAssetParts(t)
  const [listed, replaced, deleted] = [await store(parts, '1'), await store(parts, '2'), await store(parts, '3')]
  const tree = new Written(parts)
  const put = (id: string, entry: Partial<TreeEntry>) =>
    tree.edit(doc => doc.getMap(sharedNames.files).set(id, { path: `${id}.csv`, kind: 'asset', bytes: 1, ...entry }))
  await put('a', { asset: listed })
  await put('b', { asset: replaced })
  await put('c', { asset: deleted })
  assert.equal((await pass(parts)).deleted, 0)
  await put('b', { asset: listed, past: [replaced.slice(7, 31)] })
  await put('c', { deletedAt: 1 })
  assert.equal((await pass(parts)).deleted, 2)
  assert.ok(await has(parts, listed))
})

test('AG1 what a version or the log of a run names stays', async t => {
  const parts = await openAssetParts(t)
  const [ofVersion, ofRun] = [await store(parts, 'version'), await store(parts, 'run')]
  const { org } = parts.owner
  await parts.store.call('addReferences', { org, holder: 'version:1', assets: [ofVersion] })
  const event = {
    type: 'display' as const,
    at: 1,
    parts: [{ at: 'asset' as const, mimeType: 'image/png', asset: ofRun, bytes: 1 }],
  }
  await parts.store.call('addReferences', { org, holder: 'run:1', assets: assetsOfEvent(event) })
  assert.equal((await pass(parts)).deleted, 0)
})

test('AG2 an asset goes after the grace period and not before, with its bytes and folder entry', async t => {
  const parts = await openAssetParts(t)
  const id = await store(parts, 'nobody names me')
  await parts.collector.collect()
  parts.clock.at += limits.assetGraceMs - 1
  assert.equal((await parts.collector.collect()).deleted, 0)
  parts.clock.at += 1
  assert.equal((await parts.collector.collect()).deleted, 1)
  assert.ok(!(await has(parts, id)))
  assert.deepEqual(await files(parts), [])
})

async function files({ folder }: AssetParts): Promise<string[]> {
  return (await readdir(join(folder, 'assets'), { recursive: true })).filter(name => /[0-9a-f]{64}/.test(name))
}

test('AG2 being asked for, uploaded again, or named again in between begins the grace anew', async t => {
  const parts = await openAssetParts(t)
  const { org } = parts.owner
  const id = await store(parts, 'x')
  const document = new Written(parts)
  for (const use of [
    () => parts.store.call('claimAsset', { org, id }),
    async () => {
      await document.write(`asset:${id}`)
      await parts.collector.collect()
      await document.clear()
    },
  ]) {
    await parts.store.call('claimAsset', { org, id })
    await pass(parts, 29 * day)
    await use()
    assert.equal((await pass(parts, 29 * day)).deleted, 0)
  }
  parts.clock.at += 2 * day
  assert.equal((await parts.collector.collect()).deleted, 1)
})

test('AG3 a document that cannot be read keeps all assets of its org, and is told', async t => {
  const parts = await openAssetParts(t)
  const id = await store(parts, 'x')
  const broken = new Written(parts)
  await parts.documents.append(broken.key, parseEpoch(1), [new Uint8Array([1, 1, 1, 255, 255, 255])])
  const collected = await pass(parts)
  assert.deepEqual([collected.deleted, collected.putOff], [0, 1])
  assert.ok(await has(parts, id))
  assert.match(parts.warnings.join(), /cannot be read/)
})

test('AG3 a name that is written between the reading and the deletion is seen', async t => {
  const parts = await openAssetParts(t)
  const id = await store(parts, 'x')
  const document = new Written(parts)
  await document.write('nothing yet')
  await parts.collector.collect()
  parts.clock.at += limits.assetGraceMs + 1
  // As late as can be: the collection has read everything and asks for the deletion.
  let late = true
  const slow = new Proxy(parts.store, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (name !== 'call') return typeof value === 'function' ? value.bind(target) : value
      return async (procedure: string, args: never) => {
        if (procedure === 'sweepAssets' && late) {
          late = false
          await document.write(`![](asset:${id})`)
        }
        return target.call(procedure as 'markAssets', args)
      }
    },
  })
  const collector = new AssetCollector({ ...parts, store: slow, now: () => parts.clock.at, limits, log: quiet })
  const { deleted } = await collector.collect()
  await collector.close()
  assert.equal(late, false)
  assert.equal(deleted, 0)
  assert.ok(await has(parts, id))
})
const quiet = { info: () => undefined, warn: () => undefined }

test('AG5 a crash before the bytes are deleted leaves them to the next collection', async t => {
  let broken = true
  const parts = await openAssetParts(t, {
    objects: files =>
      new Proxy(files, {
        get: (target, name) => {
          const value = Reflect.get(target, name) as unknown
          if (name === 'delete' && broken) return () => Promise.reject(new Error('killed'))
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
  })
  await store(parts, 'x')
  await assert.rejects(pass(parts), /killed/)
  assert.equal((await files(parts)).length, 1)
  broken = false
  await parts.collector.collect()
  assert.equal((await files(parts)).length, 0)
})

test('AG1 AG2 AG4 whatever is uploaded, written, deleted and collected in whatever order, what a document names is there whole', async t => {
  const pictures = ['a', 'b', 'c']
  const step = fc.oneof(
    ...(['upload', 'name', 'unname'] as const).map(kind =>
      fc.record({ kind: fc.constant(kind), picture: fc.constantFrom(...pictures) }),
    ),
    fc.record({ kind: fc.constant('collect' as const) }),
    fc.record({ kind: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 31 }) }),
  )
  const parts = await openAssetParts(t)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { minLength: 4, maxLength: 16 }), async steps => {
      const document = new Written(parts)
      const named = new Set<string>()
      let background: Promise<unknown>[] = []
      for (const [step, together] of steps) {
        const work = async (): Promise<void> => {
          if (step.kind === 'wait') parts.clock.at += step.days * day
          else if (step.kind === 'collect') await parts.collector.collect()
          else if (step.kind === 'upload') await store(parts, step.picture)
          else if (step.kind === 'unname') {
            named.clear()
            await document.clear()
          } else {
            // A device uploads first and names it then.
            await store(parts, step.picture)
            named.add(step.picture)
            await document.write(`![](asset:${idOf(Buffer.from(step.picture))})`)
          }
        }
        // Only collections and uploads run beside the rest, as they do in life.
        const beside = together && (step.kind === 'collect' || step.kind === 'upload')
        if (beside) background.push(work())
        else await work()
      }
      await Promise.all(background)
      background = []
      await parts.collector.collect()
      for (const picture of named) {
        const row = await parts.store.query('findAsset', { org: parts.owner.org, id: idOf(Buffer.from(picture)) })
        assert.ok(row, `${picture} is gone`)
        assert.equal((await parts.objects.head(row.object))?.bytes, 1)
      }
      await document.clear()
      await pass(parts)
      await pass(parts)
      assert.deepEqual(await files(parts), [])
    }),
    { numRuns: 10 },
  )
})

test('AG6 ten thousand small assets are collected without holding anybody up for long', async t => {
  const parts = await openAssetParts(t)
  const { org, user } = parts.owner
  const put = async (n: number): Promise<void> => {
    const id = idOf(Buffer.from(`small ${n}`))
    const object = `${org}/${id.slice(7, 9)}/${id.slice(7)}.x`
    const row = await parts.store.call('beginUpload', {
      org,
      user,
      asset: id,
      upload: `u${n}`,
      object,
      total: 1,
      caps: { perUser: 20_000, perOrgBytes: 1e12 },
      now: 1,
    })
    await parts.store.call('finishUpload', { ...row, bytes: 1, mimeType: 'image/png', now: 1 })
  }
  for (let at = 0; at < 10_000; at += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => put(at + n)))
  const document = new Written(parts)
  const kept = Array.from({ length: 100 }, (_, n) => idOf(Buffer.from(`small ${n}`)))
  await document.write(kept.map(id => `![](asset:${id})`).join('\n'))
  await parts.collector.collect()
  parts.clock.at += limits.assetGraceMs + 1
  let longest = 0
  let last = performance.now()
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 5)
  const begun = performance.now()
  const { deleted } = await parts.collector.collect()
  clearInterval(watch)
  t.diagnostic(
    `deleted ${deleted} in ${Math.round(performance.now() - begun)} ms; the event loop waited ${Math.round(longest)} ms at most`,
  )
  assert.equal(deleted, 9_900)
  assert.ok(performance.now() - begun < 60_000)
  for (const id of kept) assert.ok(await has(parts, id))
})

test('AG1 what only a version of a document still shows stays, and goes when that version is gone', async t => {
  const parts = await openAssetParts(t)
  const picture = await store(parts, 'a picture of yesterday')
  const key = { org: parts.owner.org, document: newId('document', 1, systemRandom) }
  const version = {
    at: 1,
    kind: 'edit',
    of: null,
    request: null,
    epoch: 1,
    chars: 1,
    added: 1,
    removed: 0,
    authors: [],
    unattributed: false,
  } as const
  const text = (hash: string, assets: AssetId[]) => ({ hash, base: null, depth: 0, data: new Uint8Array(), assets })
  await parts.store.call('addVersions', {
    ...key,
    after: 0,
    covered: { epoch: 1, position: 2 },
    versions: [
      { ...version, authors: [], position: 1, hash: 'old' },
      { ...version, authors: [], position: 2, hash: 'new' },
    ],
    texts: [text('old', [picture]), text('new', [])],
  })
  const collectLater = async () => {
    await parts.collector.collect()
    parts.clock.at += 31 * day
    await parts.collector.collect()
  }
  await collectLater()
  assert.ok(await has(parts, picture))
  await parts.store.call('dropVersions', { ...key, drop: [1] })
  await collectLater()
  assert.ok(!(await has(parts, picture)))
})
