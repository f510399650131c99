import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chosenMirror, linesOf, sourcesOf } from './apt-sources.ts'

const deb822 = [
  'Types: deb',
  '# a comment',
  'URIs: http://mirror.example/debian',
  'Suites: bookworm bookworm-updates',
  'Components: main',
  '',
  'Types: deb',
  'URIs: http://mirror.example/debian-security',
  'Suites: bookworm-security',
  '',
  'Types: deb',
  'Enabled: no',
  'URIs: http://off.example/debian',
  'Suites: sid',
].join('\n')

test('SN11: the mirror is the one that the system names for a whole release, in either format', () => {
  assert.equal(chosenMirror(sourcesOf(deb822)), 'http://mirror.example/debian')
  const lines = [
    '# deb http://off.example/debian trixie main',
    'deb http://mirror.example/debian trixie-updates main',
    'deb-src http://source.example/debian trixie main',
    'deb [arch=amd64 signed-by=/x.gpg] https://second.example/debian/ trixie main contrib',
  ].join('\n')
  assert.equal(chosenMirror(linesOf(lines)), 'https://second.example/debian/')
  assert.equal(chosenMirror(linesOf('deb https://other.example/node_20.x nodistro main')), undefined)
})
