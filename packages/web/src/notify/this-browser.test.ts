import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserName, isApple } from './this-browser.ts'

const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'
const android =
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'
const mac = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15'

test('NT20 a way is named after its browser and its machine', () => {
  assert.equal(browserName(iphone), 'Safari on iPhone')
  assert.equal(browserName(android), 'Chrome on Android')
  assert.equal(
    browserName('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'),
    'Firefox on Linux',
  )
  assert.equal(browserName('curl/8'), 'A browser')
})

test('PH50 an iPad that says that it is a Mac is told of the home screen too', () => {
  assert.deepEqual(
    [isApple(iphone, 5), isApple(mac, 5), isApple(mac, 0), isApple(android, 5)],
    [true, true, false, false],
  )
})
