/** A real browser gets a real push of the hub: Firefox subscribes, decrypts what the hub encrypted, and shows it. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { startTestHub, temporaryFolder } from '@meshbook/hub/testing/test-hub.ts'
import { ensureAuthority, folderOf } from '@meshbook/hub/tls/authority-folder.ts'
import { thisMachine } from '@meshbook/hub/tls/shown-certificate.ts'
import { BrowserPush } from '../browser-push.ts'
import { Firefox } from '../firefox.ts'
import { eventually } from '../mesh-process.ts'
import { PushService } from '../push-service.ts'

/** The smallest worker that shows what it is told: here it is about the hub and the browser. */
const worker = `addEventListener('push', event => {
  const { title, text, tag, url } = event.data.json()
  event.waitUntil(registration.showNotification(title, { body: text, tag, data: url }))
})`

test('NT13 PH50 Firefox over TLS with the own authority: subscribes, decrypts the push of the hub and shows it', {
  timeout: 120_000,
}, async t => {
  const service = await PushService.start(t)
  const push = await BrowserPush.start(t, service)
  const webFolder = join(await temporaryFolder(t), 'web')
  await mkdir(webFolder)
  await writeFile(join(webFolder, 'index.html'), '<!doctype html><title>Meshbook</title>')
  await writeFile(join(webFolder, 'sw.js'), worker)
  const at = await startTestHub(t, { webFolder, env: { MESHBOOK_PUSH_SERVICES: service.origin } })
  await ensureAuthority(thisMachine(null), { dataFolder: at.folder, now: Date.now(), random: systemRandom })
  await at.restart()
  const firefox = await Firefox.start(t, {
    authority: join(folderOf(at.folder), 'ca.crt'),
    prefs: {
      'dom.push.serverURL': push.url,
      'dom.push.testing.allowInsecureServerURL': true,
      'dom.push.connection.enabled': true,
      'permissions.default.desktop-notification': 1,
      // By itself: a machine without a desktop has nobody who shows what a program hands over.
      'alerts.useSystemBackend': false,
    },
  })
  await firefox.goto(`https://localhost:${at.hub.port}/`)
  const call = `const call = async (path, method = 'GET', body) => {
    const headers = body ? { 'content-type': 'application/json' } : {}
    const answer = await fetch('/api/v1' + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    if (!answer.ok) throw new Error(path + ' ' + await answer.text())
    const text = await answer.text()
    return text ? JSON.parse(text) : undefined
  };`
  const code = new URL(await at.hub.signInLink()).hash.slice(1)
  await firefox.run(`${call} await call('/auth/link', 'POST', { code: args[0] })`, code)
  const way = await firefox.run<string>(
    `${call}
    const registration = await navigator.serviceWorker.register('/sw.js')
    await navigator.serviceWorker.ready
    const { key } = await call('/push/key')
    const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
    return (await call('/push/ways', 'POST', { kind: 'push', name: 'Firefox', subscription: subscription.toJSON() })).id`,
  )
  await firefox.run(`${call} return call('/push/ways/' + args[0] + '/test', 'POST')`, way)
  const shown = await eventually('it is shown', async () => {
    const [first] = await firefox.run<{ title: string; body: string; tag: string }[]>(
      `const registration = await navigator.serviceWorker.ready
      return (await registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }))`,
    )
    return first
  })
  assert.ok(shown.title.length > 0 && shown.body.length > 0, JSON.stringify(shown))
  assert.deepEqual(service.wrongs, [])
  assert.deepEqual(push.taken, [100], 'the browser says that a worker got it')
  t.diagnostic(JSON.stringify(shown))
})
