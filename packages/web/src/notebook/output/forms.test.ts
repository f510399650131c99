import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MimePart } from '@meshbook/core/run.ts'
import { formsOf, isRich } from './forms.ts'

const part = (mimeType: string): MimePart => ({ at: 'inline', mimeType, data: '' })
const kinds = (...types: string[]) => formsOf(types.map(part)).map(({ kind }) => kind)
const labels = (...types: string[]) => formsOf(types.map(part)).map(({ label }) => label)

test('OU2 the richest form comes first, whatever the order of the bundle', () => {
  assert.equal(kinds('text/plain', 'text/html', 'application/vnd.plotly.v1+json')[0], 'plotly')
  assert.equal(kinds('text/plain', 'application/vnd.vegalite.v6+json')[0], 'vega')
  assert.equal(kinds('text/html', 'application/vnd.vega.v5+json', 'text/plain')[0], 'vega')
  assert.equal(kinds('text/plain', 'image/png', 'text/html')[0], 'html')
  assert.equal(kinds('text/latex', 'text/plain')[0], 'latex')
  assert.equal(kinds('application/json', 'text/plain')[0], 'json')
})

test('OU2 a type that nobody knows is offered, and stands behind the text', () => {
  assert.deepEqual(kinds('application/x-unknown+json', 'text/plain'), ['text', 'json'])
  assert.deepEqual(kinds('application/x-unknown+json'), ['json'])
  assert.deepEqual(kinds('application/octet-stream'), [])
})

test('OU3 every representation can be chosen, each under a name of its own', () => {
  assert.deepEqual(labels('text/html', 'text/plain', 'application/vnd.plotly.v1+json'), [
    'Plotly figure',
    'HTML',
    'Text',
    'Web page',
    'JSON',
    'Source',
  ])
  const two = labels('application/vnd.vega.v5+json', 'application/vnd.vegalite.v5+json')
  assert.equal(new Set(two).size, two.length)
})

test('plain text alone is not rich', () => {
  assert.equal(isRich([part('text/plain')]), false)
  assert.equal(isRich([part('text/plain'), part('text/html')]), true)
  assert.equal(isRich([part('application/octet-stream')]), false)
})
