import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageAddress, linkAddress } from './addresses.ts'

test('S9 addresses of the web, of mail and of this page are links', () => {
  for (const href of ['https://a.b', 'HTTP://a', 'mailto:a@b', 'a/b.md', '../c', '#d', '?e=f:g', '/a:b', './a:b', ''])
    assert.equal(linkAddress(href), href)
})

test('S9 addresses that do something else are none, however they are written', () => {
  const bad = [
    'javascript:a',
    'JavaScript:a',
    ' javascript:a',
    'java\tscript:a',
    'java\nscript:a',
    '\u0001javascript:a',
  ]
  const others = ['data:text/html,a', 'vbscript:a', 'blob:a', 'file:///a', 'javascript\u00a0:a', 'ms-word:a']
  for (const href of [...bad, ...others]) assert.equal(linkAddress(href), undefined, href)
})

test('S9 images are assets of this hub or of the text itself', () => {
  const asset = `sha256-${'0'.repeat(64)}`
  assert.equal(imageAddress(`asset:${asset}`), `/api/v1/assets/${asset}`)
  assert.equal(imageAddress('data:image/png;base64,AA'), 'data:image/png;base64,AA')
  for (const source of [
    'asset:x',
    'data:image/svg+xml;a',
    'https://a.b/c.png',
    '/api/v1/me',
    'javascript:a',
    '//a.b/c',
  ])
    assert.equal(imageAddress(source), undefined, source)
})
