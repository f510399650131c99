/** Pairing on the phone, by touch: a code shown and its digits compared, a code scanned by the camera, a phone that joins (PH60, PH66). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { openBrowser } from '../browser.ts'
import { eventually } from '../mesh-process.ts'
import { linkOf, looksGood, openPhone, webFolder } from './phone-scene.ts'

/** A camera with nothing before it until the test says what, and a browser that reads QR codes, as on Android. */
async function withScanner(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const seen = Object.assign(globalThis, { before: '', stopped: 0, asked: 0 })
    class BarcodeDetector {
      static getSupportedFormats = async () => ['qr_code']
      detect = async () => (seen.before === '' ? [] : [{ rawValue: seen.before }])
    }
    Object.assign(globalThis, { BarcodeDetector })
    navigator.mediaDevices.getUserMedia = async () => {
      seen.asked++
      const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 })
      canvas.getContext('2d')!.fillRect(0, 0, 320, 240)
      const stream = canvas.captureStream(5)
      for (const track of stream.getTracks()) {
        const stop = track.stop.bind(track)
        track.stop = () => {
          seen.stopped++
          stop()
        }
      }
      return stream
    }
  })
}

const counts = (page: Page) =>
  page.evaluate(() => {
    const { asked, stopped } = globalThis as unknown as { asked: number; stopped: number }
    return { asked, stopped }
  })

test('PH60 a phone shows a code, another phone scans it, two digits are compared, and both stay signed in', async t => {
  const hub = await startTestHub(t, { webFolder })
  const shows = await openPhone(t, await linkOf(hub))
  const joins = await openBrowser(t, { width: 390, height: 844, touch: true })
  await withScanner(joins.page)
  await shows.open('/m/devices')
  await shows.tap('Pair a device', 'link')
  await shows.page.getByRole('img', { name: /QR code/ }).waitFor()
  await looksGood(shows.page, 'pair show')
  const code = (await shows.page.getByLabel('Pairing code').textContent())!
  await joins.page.goto(`${hub.hub.url}/m/`)
  await joins.page.getByRole('link', { name: 'Scan a code' }).tap()
  assert.deepEqual(await counts(joins.page), { asked: 0, stopped: 0 }, 'the camera is asked for only at a press')
  await joins.page.getByRole('button', { name: 'Scan with the camera' }).tap()
  await joins.page.getByText('Hold the camera over the QR code.').waitFor()
  await joins.page.evaluate(() => Object.assign(globalThis, { before: 'WIFI:S:cafe;;' }))
  await joins.page.evaluate(
    url => setTimeout(() => Object.assign(globalThis, { before: url }), 600),
    `${hub.hub.url}/pair#v1.${code.replaceAll(/\W/g, '')}`,
  )
  const digits = (await joins.page.getByLabel(/^The digits/).textContent())!
  assert.deepEqual(await counts(joins.page), { asked: 1, stopped: 1 }, 'the camera is stopped')
  await looksGood(joins.page, 'pair digits')
  await shows.page.getByLabel('The two digits that it shows').fill(digits)
  await shows.page.getByRole('button', { name: 'Add' }).tap()
  await shows.page.getByText('is signed in.').waitFor()
  await joins.page.waitForURL(/\/m\/$/)
  await joins.page.getByRole('heading', { name: 'Projects' }).waitFor()
  await joins.page.reload()
  await joins.page.getByRole('heading', { name: 'Projects' }).waitFor()
  assert.equal((await joins.page.request.get(`${hub.hub.url}/api/v1/me`)).status(), 200)
})

test('PH60 a link that a camera app opens on a phone leads to the phone’s app once the digits are compared', async t => {
  const hub = await startTestHub(t, { webFolder })
  const shows = await openPhone(t, await linkOf(hub))
  const joins = await openBrowser(t, { width: 390, height: 844, touch: true })
  await shows.open('/m/pair')
  const code = (await shows.page.getByLabel('Pairing code').textContent())!
  await joins.page.goto(`${hub.hub.url}/pair#v1.${code.replaceAll(/\W/g, '')}`)
  const digits = (await joins.page.getByLabel(/^The digits/).textContent())!
  await shows.page.getByLabel('The two digits that it shows').fill(digits)
  await shows.page.getByRole('button', { name: 'Add' }).tap()
  await joins.page.waitForURL(/\/m\/$/)
  await joins.page.getByRole('heading', { name: 'Projects' }).waitFor()
})

test('PH60 where the browser reads no QR codes the other ways are told, and a pasted link is as good', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { page, open } = await openPhone(t, await linkOf(hub))
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'BarcodeDetector'))
  await open('/m/pair')
  await page.getByText('Scan a code', { exact: true }).tap()
  await page.getByText(/cannot read QR codes by itself/).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Scan with the camera' }).count(), 0)
  await looksGood(page, 'pair scan by hand')
  const field = page.getByLabel('Link or code')
  await field.fill('no code at all')
  await page.getByRole('button', { name: 'Continue' }).tap()
  await page.getByRole('alert').waitFor()
  await field.fill('https://another.example/pair#v1.K7Q2M9XD')
  await page.getByRole('button', { name: 'Continue' }).tap()
  await page.getByRole('link', { name: 'Open another.example' }).waitFor()
  assert.equal(new URL(page.url()).host, new URL(hub.hub.url).host, 'nothing is opened by itself')
  await page.getByRole('button', { name: 'Scan another' }).tap()
  await field.fill(`${hub.hub.url}/pair#v1.K7Q2M9XD`)
  await page.getByRole('button', { name: 'Continue' }).tap()
  await page.getByText('You are signed in here already').waitFor()
})

test('PH60 the camera stops when the page is left, and a refusal says what else there is', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { page, open } = await openPhone(t, await linkOf(hub))
  await withScanner(page)
  await open('/m/pair')
  await page.getByText('Scan a code', { exact: true }).tap()
  await page.getByRole('button', { name: 'Scan with the camera' }).tap()
  await page.getByText('Hold the camera over the QR code.').waitFor()
  await page.getByRole('button', { name: 'Back' }).tap()
  await eventually('it is stopped', async () => (await counts(page)).stopped === 1)
  await open('/m/pair')
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))
  })
  await page.getByText('Scan a code', { exact: true }).tap()
  await page.getByRole('button', { name: 'Scan with the camera' }).tap()
  await page
    .getByRole('alert')
    .getByText(/told not to use the camera/)
    .waitFor()
})

test('PH66 the camera is allowed to the pages of the phone’s app and to nothing else', async t => {
  const hub = await startTestHub(t, { webFolder })
  const { page } = await openPhone(t, await linkOf(hub))
  const policy = async (path: string) =>
    (await page.request.get(hub.hub.url + path)).headers()['permissions-policy'] ?? ''
  for (const path of ['/m/', '/m/pair', '/m/p/demo/x.md'])
    assert.match(await policy(path), /camera=\(self\), microphone=\(\)/)
  for (const path of ['/', '/pair', '/p/demo/x.md', '/api/v1/me', '/m/sw.js', '/healthz', '/signin'])
    assert.match(await policy(path), /camera=\(\), microphone=\(\)/, path)
})
