import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namedFiles } from './named-files.ts'
import { pinFiles } from './pin-files.ts'

const text = (name: string, ...leadsTo: string[]): string =>
  `meshbook: workflow/v1\nname: ${name}\nsteps:\n${['x.', ...leadsTo].map((file, n) => (n === 0 ? "  own: { transform: '1' }" : `  s${n}: { workflow: { file: ${file} } }`)).join('\n')}\n`

test('WQ5 the files of a run, sent again under the names that are told, are pinned the same', () => {
  const scenes: [string, Record<string, string>][] = [
    ['a.yaml', { 'a.yaml': text('a') }],
    [
      'sub/a.yaml',
      {
        'sub/a.yaml': text('a', '../b.yaml', 'c/d.yaml'),
        'b.yaml': text('b'),
        'sub/c/d.yaml': text('d', '../../b.yaml'),
      },
    ],
    ['a.yaml', { 'a.yaml': text('a', 'main.workflow.yaml'), 'main.workflow.yaml': text('b') }],
  ]
  for (const [file, files] of scenes) {
    const pinned = pinFiles(file, files)
    const named = namedFiles(pinned)
    assert.deepEqual(pinFiles(named.file, named.files), pinned)
  }
})

test('WQ5 a text that is not kept any more is said, and not left out', () => {
  const pinned = pinFiles('a.yaml', { 'a.yaml': text('a', 'b.yaml'), 'b.yaml': text('b') })
  const texts = new Map([...pinned.texts].slice(0, 1))
  assert.throws(() => namedFiles({ ...pinned, texts }), { code: 'NOT_FOUND' })
})
