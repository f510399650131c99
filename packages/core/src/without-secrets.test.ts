import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blanked, withoutSecrets } from './without-secrets.ts'

const secrets = [
  `sk-ant-api03-${'a1B2'.repeat(10)}`,
  `sk-proj-${'x'.repeat(40)}`,
  `ghp_${'A'.repeat(36)}`,
  `github_pat_${'1'.repeat(30)}`,
  `glpat-${'a'.repeat(20)}`,
  `mb_${'k'.repeat(43)}`,
  `mbh_${'k'.repeat(43)}`,
  `AKIA${'Z'.repeat(16)}`,
  `-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----`,
  `-----BEGIN PRIVATE KEY-----\nMIIcut`,
]

test('TK45 whatever has the form of a credential is blanked, in text and in JSON', () => {
  for (const secret of secrets) {
    assert.equal(withoutSecrets(`before ${secret}`), `before ${blanked}`, secret)
    const json = withoutSecrets(JSON.stringify({ text: `x ${secret} y`, after: 1 }))
    assert.ok(!json.includes(secret.slice(-6)), json)
  }
  assert.equal(withoutSecrets('https://me:pw@git.example/a'), `https://${blanked}@git.example/a`)
  assert.equal(withoutSecrets('Authorization: Bearer abcdefgh1234'), `Authorization: Bearer ${blanked}`)
})

test('TK45 what is none stays as it is', () => {
  for (const text of [
    'git@host:path/a.git',
    'https://git.example/me@home',
    'a sk-test and a task-list-of-things-to-do',
    'meshbook/run_01/mb_short',
    'sha256-0f3a',
    'const risk = disk-usage',
  ])
    assert.equal(withoutSecrets(text), text)
})
