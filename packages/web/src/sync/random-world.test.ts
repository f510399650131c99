/** Random interleavings of everything that can happen to browsers: nothing called saved is lost, nothing is doubled. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { newKey, startRelay, turns, until } from '@meshbook/relay/testing/temporary.ts'
import fc from 'fast-check'
import { BrowserSide, type BrowserTab, HubSide } from './testing/browser-world.ts'

const steps = ['open', 'type', 'type', 'type', 'delete', 'close', 'kill', 'freeze', 'cut', 'offline', 'online'] as const
const failures = ['refuse', 'accept', 'replace', 'wait', 'wait'] as const
type Step = { do: (typeof steps)[number] | (typeof failures)[number]; browser: 0 | 1; tab: number }

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(...steps, ...failures),
  browser: fc.constantFrom(0, 1),
  tab: fc.nat(2),
})

const full = Object.assign(new Error('full'), { name: 'QuotaExceededError' })
const lineOf = (word: string) => `${word}\n`

class Story {
  readonly #relay: ReturnType<typeof startRelay>
  readonly #hub: HubSide
  readonly browsers: BrowserSide[]
  readonly #tabs: BrowserTab[][] = [[], []]
  readonly #all: BrowserTab[] = []
  /** Words that were typed, by the tab that has them until they are safe. */
  readonly #atRisk = new Map<string, BrowserTab>()
  readonly #safe = new Set<string>()
  readonly #deleted = new Set<string>()
  #words = 0

  constructor(t: Pick<TestContext, 'after'>) {
    this.#relay = startRelay(t, { store: new MemoryDocumentStore() })
    this.#hub = new HubSide(this.#relay, newKey())
    this.browsers = [new BrowserSide('one', this.#hub), new BrowserSide('two', this.#hub)]
  }

  async take({ do: what, browser, tab }: Step): Promise<void> {
    const side = this.browsers[browser]!
    const tabs = this.#tabs[browser]!
    const one = tabs[tab % Math.max(1, tabs.length)]
    if (what === 'open' && tabs.length < 3) this.#open(browser)
    else if (what === 'offline') side.online = false
    else if (what === 'online') side.online = true
    else if (what === 'refuse') side.refuses = full
    else if (what === 'accept') side.refuses = undefined
    else if (what === 'replace') await this.#replace()
    else if (what === 'wait') await new Promise(resolve => setTimeout(resolve, 5))
    else if (one) this.#act(what, one, tabs)
    if (what === 'offline' || what === 'cut') this.#hub.cut()
    await turns(1 + tab)
    this.#note()
  }

  #act(what: Step['do'], one: BrowserTab, tabs: BrowserTab[]): void {
    const shown = one.link.doc.store.clients.size > 0
    if (what === 'type' && shown && !one.stopped) this.#type(one)
    if (what === 'delete' && shown && !one.stopped) this.#delete(one)
    if (what === 'freeze') one.stopped = true
    if (what !== 'close' && what !== 'kill') return
    // A tab that is closed in order warns first; one that is killed does not ask.
    if (what === 'close' && !one.stopped) one.close()
    else one.kill()
    tabs.splice(tabs.indexOf(one), 1)
    for (const [word, tab] of this.#atRisk) if (tab === one) this.#atRisk.delete(word)
  }

  #type(tab: BrowserTab): void {
    const word = `word${++this.#words}`
    tab.type(lineOf(word))
    this.#atRisk.set(word, tab)
  }

  /** Takes a word away that is its own line; from then on it may be there or not, but never twice. */
  #delete(tab: BrowserTab): void {
    const word = /word\d+/.exec(tab.text)?.[0]
    if (word === undefined) return
    tab.link.doc.getText('content').delete(tab.text.indexOf(lineOf(word)), lineOf(word).length)
    this.#deleted.add(word)
  }

  /** What a tab says is stored or on the hub is expected to be there at the end. */
  #note(): void {
    for (const [word, tab] of this.#atRisk) {
      if (tab.stopped || tab.facts.atRisk > 0) continue
      this.#safe.add(word)
      this.#atRisk.delete(word)
    }
  }

  #open(browser: 0 | 1): void {
    const tab = this.browsers[browser]!.open()
    this.#tabs[browser]!.push(tab)
    this.#all.push(tab)
  }

  /** The hub's document becomes another one with the same text, as a restore of the newest version does it. */
  async #replace(): Promise<void> {
    const reader = new BrowserSide(`reader${++this.#words}`, this.#hub).open()
    await until(() => reader.facts.hub === 'live', 'the reader is live')
    const { text } = reader
    reader.close()
    this.#hub.relay = undefined
    this.#hub.cut()
    await this.#relay.remove(this.#hub.key)
    this.#hub.relay = this.#relay
    const writer = new BrowserSide(`writer${++this.#words}`, this.#hub).open()
    await until(() => writer.facts.hub === 'live', 'the writer is live')
    writer.type(text === '' ? '\n' : text, 0)
    await until(() => writer.facts.unsent === 0, 'the writer is synced')
    writer.close()
  }

  async heal(): Promise<string> {
    for (const [browser, side] of this.browsers.entries()) {
      side.online = true
      side.refuses = undefined
      for (const tab of this.#tabs[browser]!.splice(0)) {
        if (!tab.stopped) this.#tabs[browser]!.push(tab)
        else tab.kill()
      }
      this.#open(browser as 0 | 1)
    }
    const open = this.#tabs.flat()
    for (const tab of open) tab.wake()
    const settled = () =>
      open.every(tab => tab.facts.hub === 'live' && tab.facts.unsent === 0 && tab.text === open[0]!.text)
    await until(settled, 'all are synced and equal').catch(error => {
      throw new Error(JSON.stringify(open.map(tab => [tab.name, tab.text, tab.facts])), { cause: error })
    })
    return open[0]!.text
  }

  check(text: string): void {
    const words: string[] = text.match(/word\d+/g) ?? []
    assert.equal(new Set(words).size, words.length, `doubled: ${text}`)
    for (const word of this.#safe)
      if (!this.#deleted.has(word)) assert.ok(words.includes(word), `${word} was called saved and is lost: ${text}`)
  }

  end(): void {
    for (const tab of this.#all) tab.close()
  }
}

const runs = Number(process.env.MESHBOOK_STORIES ?? 60)

test('whatever happens to tabs, stores, connections and epochs, nothing called saved is lost and nothing doubled (W1, W6, W11, W21)', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async list => {
      const story = new Story(t)
      try {
        for (const each of [
          { do: 'open', browser: 0, tab: 0 } as const,
          { do: 'wait', browser: 0, tab: 2 } as const,
          ...list,
        ])
          await story.take(each)
        story.check(await story.heal())
      } finally {
        story.end()
      }
    }),
    {
      numRuns: runs,
      endOnFailure: process.env.MESHBOOK_SEED !== undefined,
      ...(process.env.MESHBOOK_SEED ? { seed: Number(process.env.MESHBOOK_SEED) } : { seed: 20_261_121 }),
    },
  )
})
