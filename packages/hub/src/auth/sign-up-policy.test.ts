import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { ownPage } from '@meshbook/core/own-page.ts'
import { accountName } from './account-name.ts'
import { browserName } from './browser-name.ts'
import { parseSignUp, signUpRefusal } from './sign-up-policy.ts'

test('AU3 nobody makes an account unless that is set', () => {
  assert.equal(signUpRefusal(parseSignUp(undefined), 'ada@example.com'), 'SIGN_UP_CLOSED')
  assert.equal(signUpRefusal(parseSignUp('closed'), 'ada@example.com'), 'SIGN_UP_CLOSED')
  assert.equal(signUpRefusal(parseSignUp('open'), 'ada@example.com'), null)
  assert.equal(signUpRefusal(parseSignUp('open'), null), 'EMAIL_NOT_VERIFIED')
})

test('AU3 a list takes exactly its domains and addresses', () => {
  const policy = parseSignUp('example.com, @Team.example.org,eve@evil.example')
  const takes = (email: string): boolean => signUpRefusal(policy, email) === null
  for (const email of ['a@example.com', 'A@EXAMPLE.COM', 'b@team.example.org', 'eve@evil.example', '"x@y"@example.com'])
    assert.ok(takes(email), email)
  for (const email of [
    'a@sub.example.com',
    'a@notexample.com',
    'a@example.com.evil.example',
    'a@example.org',
    'mallory@evil.example',
    'example.com',
    'a@example.com@evil.example',
    'a@example.com.',
    '',
  ])
    assert.ok(!takes(email), email)
})

test('AU3 what is no policy is named', () => {
  for (const text of ['everybody', 'example', 'a@b', '*', '@', 'example.com,,', 'open, example.com'])
    assert.throws(
      () => parseSignUp(text),
      (error: unknown) => error instanceof MeshError && /MESHBOOK_SIGN_UP/.test(error.detail ?? ''),
      text,
    )
})

test('S11 the name of an account is plain, whatever was wished for', () => {
  const wishes = { Ada: 'ada', 'Ünal Ç.': 'unal-c', '../../etc': 'etc', '': 'user', 名前: 'user', 'a/b\\c': 'a-b-c' }
  for (const [wish, name] of Object.entries(wishes)) assert.equal(accountName(wish), name)
  assert.match(accountName(`${'x'.repeat(39)}-${'y'.repeat(500)}`), /^x{39}$/)
  for (const wish of ['.', '..', '-._', '\u0000', 'con\u202etxt', '<script>'])
    assert.match(accountName(wish), /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/)
})

test('AU14 only pages of the app are gone to', () => {
  assert.equal(ownPage('/p/demo/a%20b.md'), '/p/demo/a%20b.md')
  assert.equal(ownPage('/account'), '/account')
  for (const to of [undefined, '', '/', 'p/x', '//p/x', '/api/v1/me', 'https://p/x', '/\\p/x', '/p/../api/v1/me'])
    assert.equal(ownPage(to), '/', String(to))
})

test('a browser is named by what it says it is, and nothing else of that is kept', () => {
  const named = {
    'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0': 'Firefox on Linux',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0':
      'Edge on Windows',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1':
      'Safari on iPhone',
    'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36':
      'Chrome on Android',
    'curl/8.0 <script>': 'A browser',
    '': 'A browser',
  }
  for (const [agent, name] of Object.entries(named)) assert.equal(browserName(agent), name)
})
