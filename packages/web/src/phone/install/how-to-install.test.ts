import assert from 'node:assert/strict'
import { test } from 'node:test'
import { howToInstall } from './how-to-install.ts'

test('PH62 installing is offered where the browser does, told in steps on iOS, and never inside the app', () => {
  const android = { userAgent: 'Android Chrome', isStandalone: false, hasOffer: true, touchPoints: 5 }
  const iphone = { userAgent: 'iPhone OS 18_0', isStandalone: false, hasOffer: false, touchPoints: 5 }
  const mac = { userAgent: 'Macintosh', isStandalone: false, hasOffer: false, touchPoints: 0 }
  assert.equal(howToInstall(android), 'offer')
  assert.equal(howToInstall({ ...android, hasOffer: false }), undefined)
  assert.equal(howToInstall(iphone), 'steps')
  assert.equal(howToInstall({ ...mac, touchPoints: 5 }), 'steps')
  assert.equal(howToInstall(mac), undefined)
  for (const world of [android, iphone]) assert.equal(howToInstall({ ...world, isStandalone: true }), undefined)
})
