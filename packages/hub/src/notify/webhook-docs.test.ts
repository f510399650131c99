import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../testing/test-hub.ts'
import { webhookSignature } from './way-requests.ts'

const secret = 'mbs_secret'
const body = '{"title":"Grüße 🎈"}'

test('NT14 the checks of docs/notifications.md in Python and Node believe what the hub signs, and nothing else', async t => {
  const docs = await readFile(new URL('../../../../docs/notifications.md', import.meta.url), 'utf8')
  const codeIn = (language: string): string => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(docs)![1]!
  const now = Math.floor(Date.now() / 1_000)
  const good = webhookSignature(secret, body, now)
  const cases: [header: string, secret: string, body: string, good: boolean][] = [
    [good, secret, body, true],
    [webhookSignature(secret, body, now - 240), secret, body, true],
    [good, 'mbs_other', body, false],
    [good, secret, `${body} `, false],
    [good.replace(/t=\d+/, `t=${now + 1}`), secret, body, false],
    [webhookSignature(secret, body, now - 400), secret, body, false],
    [good.slice(0, -1), secret, body, false],
    ['', secret, body, false],
    ['t=,v1=', secret, body, false],
    ['v1', secret, body, false],
  ]
  const folder = await temporaryFolder(t)
  const input = JSON.stringify(cases)
  const js = join(folder, 'check.mjs')
  await writeFile(
    js,
    `${codeIn('js')}\nconst cases = JSON.parse(process.argv[2])\nconsole.log(JSON.stringify(cases.map(([header, secret, body]) => isFromMeshbook(secret, header, Buffer.from(body)))))`,
  )
  const py = join(folder, 'check.py')
  await writeFile(
    py,
    `${codeIn('python')}\nimport json, sys\nprint(json.dumps([is_from_meshbook(s, h, b.encode()) for h, s, b, _ in json.loads(sys.argv[1])]))`,
  )
  const expected = cases.map(([, , , isGood]) => isGood)
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, [js, input], { encoding: 'utf8' })), expected)
  assert.deepEqual(JSON.parse(execFileSync('python3', [py, input], { encoding: 'utf8' })), expected)
})
