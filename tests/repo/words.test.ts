import assert from 'node:assert/strict'
import { test } from 'node:test'
import { files, places } from './source-files.ts'

/** Halves of what must not be written, so that this file does not hold it either. */
function either(...halves: [string, string][]): string {
  return halves.map(([a, b]) => `${a}${b}`).join('|')
}

const text = files.filter(({ path }) => path !== 'package-lock.json')

test('no notes to a later self: what is to be done is done, or is an issue', () => {
  assert.deepEqual(
    places(new RegExp(`\\b(?:${either(['TO', 'DO'], ['FIX', 'ME'], ['XX', 'X'], ['HA', 'CK'])})\\b`), text),
    [],
  )
})

test('no path of the machine on which something was written', () => {
  const paths = either(
    ['/wo', 'rk/(?:main|shared|\\.library)'],
    ['/tmp/', 'mesh/'],
    ['/home/', '(?!user\\b|you\\b|me\\b)[a-z]+/'],
    ['/ro', 'ot/'],
    ['/Us', 'ers/(?!you/)[a-z]+/'],
  )
  assert.deepEqual(places(new RegExp(`(?<![\\w.~])(?:${paths})`), text), [])
})

test('the repository speaks of the product, not of how it was written', () => {
  const words = either(
    ['co-author', 'ed-by'],
    ['AI-gen', 'erated'],
    ['generated w', 'ith'],
    ['as an A', 'I\\b'],
    ['this work', 'place'],
    ['the foun', 'der'],
    ['sub', '-?agents?\\b'],
    ['issues sh', 'ow'],
    ['shared/des', 'ign'],
    ['my br', 'ief'],
    ['the br', 'ief (?:asks|says)'],
    ['LL', 'M wrote'],
  )
  assert.deepEqual(places(new RegExp(words, 'i'), text), [])
})

test('no registry is written down: packages come from the one that the machine is set up with', () => {
  const lock = files.filter(({ path }) => path.endsWith('package-lock.json'))
  const settings = files.filter(({ path }) => path.endsWith('.npmrc'))
  assert.deepEqual([...places(/"resolved": "https?:/, lock), ...places(/registry\s*=\s*http/, settings)], [])
})

test('no file or folder is named after nothing', () => {
  const empty = new Set(['util', 'utils', 'helper', 'helpers', 'manager', 'managers', 'common', 'misc', 'stuff'])
  const wrong = files.filter(({ path }) =>
    path
      .toLowerCase()
      .split(/[/.\-_]/)
      .some(word => empty.has(word)),
  )
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  )
})

test('files of code are in kebab-case', () => {
  const wrong = files.filter(
    ({ path }) =>
      /^(?:packages|tests|bench|scripts)\/.*\.(?:ts|tsx|mjs)$/.test(path) &&
      !/^(?:.*\/)?[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(path),
  )
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  )
})
