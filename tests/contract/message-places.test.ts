/** Messages lead to places of the phone's app that the hub gives the page for (NT1, PH52). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import { decidedWords, gateWords, lostWords, summaryWords, testWords, wantedWords } from '@meshbook/hub/notify/words.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { gateAt, pageAt, runAt } from '@meshbook/web/phone/page-at.ts'
import { webFolder } from '../e2e/phone-scene.ts'

test('PH52 every address that a message names is one of the app, which the hub gives the page for', async t => {
  const { hub } = await startTestHub(t, { webFolder })
  const run = { id: parseRunId('r-1.a'), path: 'a.md', deviceName: 'Desk' }
  const gate = newId('gate', 1, systemRandom)
  const places = {
    run: wantedWords(run, 'Why?').url,
    gate: gateWords(run, gate, 'Send it?').url,
    decided: decidedWords('Send it?', gate, 'approved', null).url,
    devices: lostWords('Desk', 1, run).url,
    inbox: summaryWords([]).url,
    settings: testWords('Phone').url,
  }
  const found = Object.fromEntries(Object.entries(places).map(([name, url]) => [name, pageAt(url)]))
  assert.deepEqual(found, {
    run: { page: 'run', run: run.id },
    gate: { page: 'gate', gate },
    decided: { page: 'gate', gate },
    devices: { page: 'devices' },
    inbox: { page: 'inbox' },
    settings: { page: 'settings' },
  })
  assert.deepEqual([places.run, places.gate], [runAt(run.id), gateAt(gate)])
  for (const url of Object.values(places)) {
    const answer = await fetch(hub.url + url)
    assert.deepEqual([answer.status, answer.headers.get('content-type')?.split(';')[0]], [200, 'text/html'], url)
    await answer.body?.cancel()
  }
})
