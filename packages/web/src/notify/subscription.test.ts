import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ensureSubscription, hashOfEndpoint, type Subscribed, type Subscriber } from './subscription.ts'

/** A browser that keeps to the standard: one subscription at a time, and no second key beside it. */
class Browser implements Subscriber {
  has: Subscribed | null = null
  made = 0

  async getSubscription(): Promise<Subscribed | null> {
    return this.has
  }

  async subscribe({ applicationServerKey: key }: { applicationServerKey: string }): Promise<Subscribed> {
    if (this.has) throw new DOMException('another key', 'InvalidStateError')
    const bytes = new Uint8Array(Buffer.from(key, 'base64url'))
    this.has = {
      endpoint: `https://push.example/${++this.made}`,
      expirationTime: null,
      options: { applicationServerKey: bytes.buffer },
      unsubscribe: async () => {
        this.has = null
        return true
      },
      toJSON: () => ({}),
    }
    return this.has
  }
}

const [first, second] = ['BPk_-aE', 'BPk_-bE']

test('NT22 PH53 a subscription with the key of the hub is left as it is', async () => {
  const browser = new Browser()
  const { subscription, replaces } = await ensureSubscription(browser, first, 0)
  assert.equal(replaces, undefined)
  assert.equal((await ensureSubscription(browser, `${first}=`, 0)).subscription, subscription)
  assert.equal(browser.made, 1)
})

test('NT22 PH53 one of another key, or that has expired, gives way to a new one that names it', async () => {
  const browser = new Browser()
  await ensureSubscription(browser, first, 0)
  assert.equal((await ensureSubscription(browser, second, 0)).replaces, 'https://push.example/1')
  browser.has = { ...browser.has!, expirationTime: 5 }
  assert.equal((await ensureSubscription(browser, second, 4)).replaces, undefined)
  assert.equal((await ensureSubscription(browser, second, 5)).replaces, 'https://push.example/2')
})

test('NT22 an endpoint is known to the hub by its SHA-256', async () => {
  assert.equal(await hashOfEndpoint('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
