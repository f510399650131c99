/**
 * One random schedule of a phone with its queue: {edit, run on one device or the other, cut, heal, hub down, page killed,
 * second tab, worker woken, answers lost, expiry, taken back, answered}. In the end what was still wanted has been executed
 * exactly once on the right device, and nothing else (PH21–PH25).
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Run } from '@meshbook/core/api.ts'
import { cellsOf, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import type { QueuedRun } from '@meshbook/web/phone/offline/queued-run.ts'
import type { Chance } from '../soak/random.ts'
import { type Notebook, PhonePage, PhoneSide } from './phone-side.ts'
import type { QueueWorld } from './queue-world.ts'

const letters = ['a', 'b', 'c']
const textOf = (values: readonly string[]): string =>
  `# Schedule\n\n${values.map(value => `\`\`\`python\nprint ${value}\n\`\`\`\n`).join('\n')}`

/** What the schedule knows of a run, independently of the queue. */
interface Known {
  run: QueuedRun
  on: string | undefined
  /** The user took it back, or dropped it, and the queue said that it is gone. */
  gone: boolean
  /** It was taken back while it may have been at the hub already: it is cancelled there, or had begun. */
  cancelled?: true
  /** The user was asked, and wanted it. */
  confirmed: boolean
  /** It was asked about and answered by other code. */
  replaced: boolean
}

export interface ScheduleSum {
  actions: number
  queued: number
  executed: number
  takenBack: number
  asked: number
  confirmed: number
  leftUnanswered: number
}

export class Schedule {
  readonly #world: QueueWorld
  readonly #chance: Chance
  readonly #phone: PhoneSide
  readonly #pages: PhonePage[] = []
  readonly #known = new Map<string, Known>()
  /** Whose sending has begun. */
  readonly #begun = new Set<string>()
  readonly #log: string[] = []
  #notebook!: Notebook
  #desk!: PhonePage
  #edits = 0
  #editedAt = 0
  #asked = 0
  readonly #faults: string[] = []
  #restarting: Promise<void> = Promise.resolve()

  constructor(world: QueueWorld, chance: Chance) {
    this.#world = world
    this.#chance = chance
    this.#phone = new PhoneSide({ url: () => world.hub.hub.url, token: () => world.hub.token })
  }

  async run(name: string, actions: number): Promise<ScheduleSum> {
    this.#notebook = await this.#world.notebook(`${name}.md`, textOf(letters.map(letter => `${letter}0`)))
    this.#openPage()
    const desk = new PhoneSide({ url: () => this.#world.hub.hub.url, token: () => this.#world.hub.token })
    this.#desk = new PhonePage(desk, this.#notebook, 'page', { posting: async () => undefined })
    try {
      await this.#until('the notebook is open', () => this.#page.text !== '' && this.#desk.text !== '')
      for (let at = 0; at < actions; at++) {
        await this.#act()
        if (this.#below(3) === 0) await sleep(this.#below(40))
      }
      await this.#finish()
      assert.deepEqual(this.#faults, [])
      return await this.#check(actions)
    } catch (thrown) {
      throw new Error(`${name}: ${thrown instanceof Error ? thrown.message : thrown}\n${this.#log.join('\n')}`, {
        cause: thrown,
      })
    } finally {
      for (const page of [...this.#pages, this.#desk]) page.kill()
    }
  }

  #below(count: number): number {
    return this.#chance.between(0, count - 1)
  }

  get #page(): PhonePage {
    return this.#pages[0]!
  }

  #openPage(): PhonePage {
    const page = new PhonePage(this.#phone, this.#notebook, 'page', {
      posting: (run, comparedAt) => this.#posting(run, comparedAt),
    })
    this.#pages.unshift(page)
    return page
  }

  /** Just before a request leaves: whether it may. */
  async #posting(run: QueuedRun, comparedAt: number): Promise<void> {
    const known = this.#known.get(run.id)
    await this.#restarting
    if (known?.gone) this.#faults.push(`${run.code} was sent although it was taken back`)
    // What was begun before a cut or a kill is sent again as it is (PH22): compared it was then, or by the hub if it is old.
    const isAgain = comparedAt === 0 || this.#begun.has(run.id)
    this.#begun.add(run.id)
    if (isAgain) return
    // What is written at the same moment, here or by others, reaches the hub before or after; of what waited longer it asks itself (RU31).
    const isAtOnce = () => this.#editedAt > comparedAt - 500
    if (run.confirmed || !this.#world.isUp || isAtOnce()) return
    const answer = await this.#world.hub.api('GET', `/documents/${run.document}/content`).catch(() => undefined)
    if (!answer?.ok || isAtOnce()) return
    const codes = cellsOf(parseNotebook(await answer.text())).map(({ code }) => code)
    if (!codes.includes(run.code)) this.#faults.push(`${run.code} was sent, the hub has ${codes.join(', ')}`)
  }

  async #act(): Promise<void> {
    const actions: [number, string, () => unknown][] = [
      [10, 'run', () => this.#press()],
      [4, 'edit', () => this.#edit(this.#page)],
      [2, 'edit elsewhere', () => this.#editElsewhere()],
      [1, 'delete a cell elsewhere', () => this.#deleteElsewhere()],
      [3, 'cut', () => this.#phone.cut()],
      [3, 'heal', () => this.#heal()],
      [1, 'hub down', () => this.#hubDown()],
      [2, 'hub up', () => this.#hubUp()],
      [2, 'page killed', () => this.#killPage()],
      [1, 'second tab', () => this.#openPage()],
      [2, 'worker woken', () => this.#wakeWorker()],
      [2, 'an answer is lost', () => this.#phone.losesAnswers++],
      [3, 'send', () => this.#send()],
      [2, 'taken back', () => this.#takeBack()],
      [2, 'answered', () => this.#answer()],
      [1, 'time goes by', () => sleep(150)],
      [1, 'device away', () => this.#restartDevice()],
    ]
    let at = this.#below(actions.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, name, act] of actions) {
      at -= weight
      if (at >= 0) continue
      this.#log.push(name)
      await act()
      return
    }
  }

  async #press(): Promise<void> {
    const index = this.#below(letters.length)
    const on = [undefined, ...this.#world.devices][this.#below(3)]
    const device = on?.device ? on : undefined
    // Some are not wanted for long.
    const wantedMs = this.#below(6) === 0 ? 100 : 60_000
    const run = await this.#page.press(this.#notebook, index, device?.id, wantedMs)
    if (!run) return
    this.#known.set(run.id, { run, on: device?.name, gone: false, confirmed: false, replaced: false })
    this.#log.push(`  ${run.code} on ${device?.name ?? 'any'}${wantedMs < 1_000 ? ', shortly' : ''} ${run.id}`)
    void this.#send()
  }

  /** Without waiting for it: the next thing happens meanwhile. */
  #send(): void {
    const page = this.#pages[this.#below(this.#pages.length)]!
    page.outbox.send().catch(thrown => this.#faults.push(`sending failed: ${thrown}`))
  }

  #edit(page: PhonePage): void {
    const content = page.link!.doc.getText('content')
    const cells = cellsOf(parseNotebook(content.toString()))
    const cell = cells[this.#below(cells.length)]
    if (!cell) return
    // Sometimes back to what it was: then it is what was queued again.
    const letter = /print ([a-z])/.exec(cell.code)?.[1] ?? 'z'
    const code = `print ${letter}${this.#below(4) === 0 ? 0 : ++this.#edits}`
    this.#editedAt = performance.now()
    page.link!.doc.transact(() => {
      content.delete(cell.codeFrom, cell.codeTo - cell.codeFrom)
      content.insert(cell.codeFrom, code)
    })
    this.#log.push(`  ${code}`)
  }

  #editElsewhere(): void {
    this.#editedAt = performance.now()
    this.#edit(this.#desk)
  }

  #deleteElsewhere(): void {
    const content = this.#desk.link!.doc.getText('content')
    const cells = cellsOf(parseNotebook(content.toString()))
    const cell = cells.at(-1)
    if (!cell || cells.length < 2) return
    this.#editedAt = performance.now()
    content.delete(cell.from, cell.to - cell.from)
  }

  #heal(): void {
    this.#phone.heal()
    this.#send()
  }

  async #hubDown(): Promise<void> {
    if (!this.#world.isUp) return
    this.#world.isUp = false
    await this.#world.hub.hub.close()
  }

  async #hubUp(): Promise<void> {
    if (this.#world.isUp) return
    // The one before may still be letting go of its data.
    await this.#until('the hub starts', () =>
      this.#world.hub.restart().then(
        () => true,
        () => false,
      ),
    )
    this.#world.isUp = true
    this.#desk.wake()
    for (const page of this.#pages) page.wake()
  }

  #killPage(): void {
    this.#pages.shift()?.kill()
    if (this.#pages.length === 0) this.#openPage()
  }

  #wakeWorker(): void {
    const worker = new PhonePage(this.#phone, undefined, 'worker', {
      posting: (run, comparedAt) => this.#posting(run, comparedAt),
    })
    const over = () => worker.kill()
    worker.outbox.send().then(over, over)
    // The browser gives it a moment only.
    if (this.#below(3) === 0) setTimeout(() => worker.kill(), this.#below(50))
  }

  async #takeBack(): Promise<void> {
    await this.#page.outbox.read()
    const runs = this.#page.outbox.runs.value
    const run = runs[this.#below(Math.max(1, runs.length))]
    const known = run && this.#known.get(run.id)
    if (!known) return
    this.#log.push(`  ${run.code} ${run.id}`)
    if (await this.#page.outbox.takeBack(run.id)) known.gone = true
    else if (this.#page.outbox.runs.value.some(({ id, isUnwanted }) => id === run.id && isUnwanted))
      known.cancelled = true
  }

  async #answer(): Promise<void> {
    const { outbox } = this.#page
    await outbox.read()
    const run = outbox.runs.value.find(({ state }) => state.is === 'asks')
    const known = run && this.#known.get(run.id)
    if (!run || !known || run.state.is !== 'asks') return
    this.#asked++
    const answer = this.#below(3)
    this.#log.push(`  ${['as it was', 'new code', 'dropped'][answer]} ${run.code} ${run.id}`)
    if (answer === 2) known.gone = await outbox.takeBack(run.id)
    else if (answer === 1 && run.state.code !== undefined) await this.#runNewCode(run, known)
    else {
      known.confirmed = true
      await outbox.runAsItWas(run.id)
    }
  }

  async #runNewCode(run: QueuedRun, known: Known): Promise<void> {
    const { outbox } = this.#page
    const before = new Set(outbox.runs.value.map(({ id }) => id))
    await outbox.runNewCode(run.id)
    const next = outbox.runs.value.find(({ id }) => !before.has(id))
    if (!next) return
    known.gone = known.replaced = true
    this.#known.set(next.id, { run: next, on: known.on, gone: false, confirmed: true, replaced: false })
  }

  /** Only a device that has nothing to do: what it loses in mid-run is never repeated by itself (S16). */
  async #restartDevice(): Promise<void> {
    if (!this.#world.isUp) return
    const done = Promise.withResolvers<void>()
    this.#restarting = done.promise
    try {
      await sleep(30)
      for (const { id } of await this.#runsAtHub()) await this.#ended(id, id)
      const device = this.#world.devices[this.#below(2)]!
      await device.stop()
      await sleep(this.#below(100))
      await device.start()
    } finally {
      done.resolve()
    }
  }

  async #runsAtHub(): Promise<Run[]> {
    const { items } = await this.#world.hub.json<{ items: Run[] }>('GET', '/runs?limit=100')
    return items.filter(run => run.document === this.#notebook.document && run.endedAt === null)
  }

  /** All is well again; questions are answered, but for some. */
  async #finish(): Promise<void> {
    this.#log.push('the end')
    await this.#hubUp()
    this.#phone.heal()
    for (const page of this.#pages.splice(0)) page.kill()
    const page = this.#openPage()
    this.#desk.wake()
    await this.#until(
      'the page is in step',
      () => page.link!.facts.value.hub === 'live' && page.link!.facts.value.unsent === 0,
    )
    for (let asked = 0; asked < 8; asked++) {
      await this.#until('the queue is sent', () => this.#isSent(page))
      if (!page.outbox.runs.value.some(({ state }) => state.is === 'asks') || this.#below(4) === 0) break
      await this.#answer()
    }
    await this.#until('the queue is sent', () => this.#isSent(page))
  }

  async #isSent(page: PhonePage): Promise<boolean> {
    await page.outbox.send()
    return !page.outbox.runs.value.some(({ state }) => state.is === 'queued' || state.is === 'sending')
  }

  async #check(actions: number): Promise<ScheduleSum> {
    const sum: ScheduleSum = {
      actions,
      queued: 0,
      executed: 0,
      takenBack: 0,
      asked: this.#asked,
      confirmed: 0,
      leftUnanswered: 0,
    }
    for (const known of this.#known.values()) await this.#checkRun(known, sum)
    await this.#checkTexts()
    assert.deepEqual(this.#faults, [])
    return sum
  }

  async #checkRun(known: Known, sum: ScheduleSum): Promise<void> {
    const { run, on, gone, confirmed } = known
    sum.queued++
    const last = this.#page.outbox.runs.value.find(({ id }) => id === run.id)
    const what = `${run.code} on ${on ?? 'any'} ${run.id} (${last?.state.is ?? 'gone'})`
    if (gone || last?.state.is === 'asks') {
      assert.deepEqual(this.#world.executions(run.id), {}, `${what} was not executed`)
      assert.equal((await this.#world.hub.api('GET', `/runs/${run.id}`)).status, 404, `${what} never came to the hub`)
      if (gone) sum.takenBack++
      else sum.leftUnanswered++
      return
    }
    assert.equal(last?.state.is, 'sent', what)
    const ended = await this.#ended(run.id, what)
    const [[device, times] = ['nowhere', 0], ...others] = Object.entries(this.#world.executions(run.id))
    // Its device was gone in the moment in which it came: it is shown so, and is not run again by itself (S16).
    if (known.cancelled || ended.status === 'interrupted') {
      assert.ok(times <= 1 && others.length === 0, `${what} was executed ${times} times, ended as ${ended.status}`)
      return
    }
    assert.deepEqual([times, others], [1, []], `${what} was executed once, ended as ${ended.status}`)
    if (on !== undefined) assert.equal(device, on, what)
    sum.executed++
    if (confirmed) sum.confirmed++
  }

  /** The hub asks too (RU30, RU31): what it asks about has not been executed, and is confirmed here. */
  async #ended(id: string, what: string): Promise<Run> {
    let run: Run | undefined
    await this.#until(`${what} has ended`, async () => {
      run = await this.#world.hub.json<Run>('GET', `/runs/${id}`)
      if (run.asks === null) return run.endedAt !== null
      assert.deepEqual(this.#world.executions(id), {}, `${what} is asked about`)
      await this.#world.hub.json('POST', `/runs/${id}/confirm`, { codeHash: run.codeHash })
      return false
    }).catch(thrown => {
      const links = this.#world.devices.map(({ name, device }) => `${name}: ${JSON.stringify(device?.status())}`)
      throw new Error(`${thrown}: ${JSON.stringify(run)} ${links.join(', ')}`)
    })
    return run!
  }

  async #checkTexts(): Promise<void> {
    const { document, path } = this.#notebook
    let texts: string[] = []
    const same = async () => {
      const hub = await (await this.#world.hub.api('GET', `/documents/${document}/content`)).text()
      texts = [
        hub,
        this.#page.text,
        this.#desk.text,
        ...(await Promise.all(this.#world.devices.map(each => each.file(path)))),
      ]
      return texts.every(text => text === hub)
    }
    await this.#until('all have the same text', same).catch(thrown => {
      throw new Error(`${thrown}\n${texts.join('\n-----\n')}`)
    })
  }

  async #until(what: string, check: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
    const end = performance.now() + ms
    while (!(await check())) {
      if (performance.now() > end) throw new Error(`${what}: not within ${ms} ms`)
      await sleep(10)
    }
  }
}
