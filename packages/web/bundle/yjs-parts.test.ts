import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { build } from 'vite'
import * as Whole from 'yjs'
import { temporaryFolder } from '../../../tests/mesh-process.ts'
import { yjsParts } from './yjs-parts.ts'

type Yjs = typeof Whole

async function parts(t: import('node:test').TestContext): Promise<Yjs> {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'entry.js'), "export * from 'yjs'\n")
  await build({
    configFile: false,
    root: folder,
    logLevel: 'error',
    plugins: [yjsParts],
    build: { outDir: join(folder, 'out'), lib: { entry: 'entry.js', formats: ['es'], fileName: () => 'yjs.mjs' } },
  })
  return import(pathToFileURL(join(folder, 'out/yjs.mjs')).href)
}

/** Everything that a stranger's editor may have put beside our text. */
function strangers(): Whole.Doc {
  const doc = new Whole.Doc()
  doc.clientID = 7
  doc.getText('content').insert(0, '# Title\n')
  const fragment = doc.getXmlFragment('prosemirror')
  const paragraph = new Whole.XmlElement('paragraph')
  paragraph.setAttribute('align', 'left')
  const text = new Whole.XmlText('bold')
  text.format(0, 2, { strong: true })
  paragraph.insert(0, [text, new Whole.XmlHook('hook'), new Whole.XmlElement('br')])
  fragment.insert(0, [paragraph])
  paragraph.delete(2, 1)
  doc.getMap('more').set('nested', new Whole.XmlFragment())
  return doc
}

test('what is left out of Yjs is carried along byte for byte, and the text beside it is read and changed', async t => {
  const Part = await parts(t)
  const theirs = strangers()
  const before = Whole.encodeStateAsUpdate(theirs)
  const ours = new Part.Doc()
  ours.clientID = 8
  Part.applyUpdate(ours, before)
  assert.deepEqual(Part.encodeStateAsUpdate(ours), before)
  assert.equal(ours.getText('content').toString(), '# Title\n')
  ours.getText('content').insert(2, 'A ')
  Whole.applyUpdate(theirs, Part.encodeStateAsUpdate(ours, Whole.encodeStateVector(theirs)))
  assert.equal(theirs.getText('content').toString(), '# A Title\n')
  assert.deepEqual(Whole.encodeStateAsUpdate(theirs), Part.encodeStateAsUpdate(ours))
  assert.match(theirs.getXmlFragment('prosemirror').toString(), /^<paragraph align="left">.*ld/)
})

test('what a stranger changes later in its own types arrives and is passed on', async t => {
  const Part = await parts(t)
  const theirs = strangers()
  const ours = new Part.Doc()
  Part.applyUpdate(ours, Whole.encodeStateAsUpdate(theirs))
  const paragraph = theirs.getXmlFragment('prosemirror').get(0) as Whole.XmlElement
  paragraph.insert(0, [new Whole.XmlText('new')])
  theirs.getXmlFragment('prosemirror').delete(0, 1)
  Part.applyUpdate(ours, Whole.encodeStateAsUpdate(theirs, Part.encodeStateVector(ours)))
  assert.deepEqual(Part.encodeStateAsUpdate(ours), Whole.encodeStateAsUpdate(theirs))
})
