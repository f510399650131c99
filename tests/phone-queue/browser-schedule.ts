/**
 * One random schedule in real Chromium: {edit, queue, cut, heal, SIGKILL of the hub, reload, second tab, take back, answer}.
 * In the end every run that was still wanted has been executed exactly once where it was to, and nothing that was taken
 * back (PH21–PH25).
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../mesh-process.ts'
import type { Chance } from '../soak/random.ts'
import type { BrowserPhone, StoredRun } from './browser-phone.ts'
import type { BrowserWorld } from './browser-world.ts'

const cells = 3
const actionsEach = 12

interface Known extends StoredRun {
  /** The name of the device that was chosen. */
  device: string | undefined
  /** `maybe`: taken back while it may have been on its way. */
  gone: 'no' | 'maybe' | 'yes'
}

export interface BrowserSum {
  actions: number
  queued: number
  executed: number
  takenBack: number
  answered: number
  kills: number
}

export class BrowserSchedule {
  readonly #world: BrowserWorld
  readonly #phone: BrowserPhone
  readonly #chance: Chance
  readonly #known = new Map<string, Known>()
  /** The newest of each cell. */
  readonly #last = new Map<number, string>()
  readonly #log: string[] = []
  readonly #sum: BrowserSum = { actions: 0, queued: 0, executed: 0, takenBack: 0, answered: 0, kills: 0 }
  #device: string | undefined
  #isCut = false

  constructor(world: BrowserWorld, phone: BrowserPhone, chance: Chance) {
    this.#world = world
    this.#phone = phone
    this.#chance = chance
  }

  async run(name: string): Promise<BrowserSum> {
    try {
      this.#device = this.#chance.pick(this.#world.devices)
      await this.#phone.chooseDevice(this.#device)
      for (let cell = 0; cell < cells; cell++) await this.#phone.edit(cell, this.#world.newCode())
      for (let at = 0; at < actionsEach; at++) {
        await this.#act()
        if (this.#below(3) === 0) await sleep(this.#below(400))
      }
      await this.#finish()
      await this.#check()
      return this.#sum
    } catch (thrown) {
      const shown = await this.#phone.page.locator('body').innerText()
      const why = thrown instanceof Error ? thrown.message : thrown
      throw new Error(`${name}: ${why}\n${this.#log.join('\n')}\n${shown}`, { cause: thrown })
    }
  }

  #below(count: number): number {
    return this.#chance.between(0, count - 1)
  }

  get #isReachable(): boolean {
    return !this.#isCut && this.#world.isUp
  }

  async #act(): Promise<void> {
    const cell = this.#below(cells)
    const actions: [number, string, () => unknown][] = [
      [7, 'queue', () => this.#queue(cell)],
      [3, 'edit', () => this.#edit(cell)],
      [2, 'cut', () => this.#cut(true)],
      [2, 'heal', () => this.#cut(false)],
      [2, 'SIGKILL of the hub', () => this.#kill()],
      [2, 'hub up', () => this.#world.startHub()],
      [2, 'reload', () => this.#phone.reload()],
      [1, 'second tab', () => this.#phone.secondTab()],
      [3, 'take back', () => this.#takeBack(cell)],
      [2, 'answer', () => this.#answer(cell)],
    ]
    let at = this.#below(actions.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, name, act] of actions) {
      at -= weight
      if (at >= 0) continue
      this.#log.push(`${name} ${cell}`)
      this.#sum.actions++
      return void (await act())
    }
  }

  async #queue(cell: number): Promise<void> {
    const code = await this.#phone.code(cell)
    const run = await this.#phone.queue(cell)
    if (!run) return
    assert.equal(run.code, code)
    this.#add(cell, run)
  }

  #add(cell: number, run: StoredRun): void {
    this.#known.set(run.id, { ...run, device: this.#device, gone: 'no' })
    this.#last.set(cell, run.id)
    this.#log.push(`  ${this.#world.markOf(run.code)} ${run.id}`)
  }

  async #edit(cell: number): Promise<void> {
    const code = this.#world.newCode()
    this.#log.push(`  ${this.#world.markOf(code)}`)
    await this.#phone.edit(cell, code)
  }

  async #cut(isCut: boolean): Promise<void> {
    this.#isCut = isCut
    await this.#phone.context.setOffline(isCut)
  }

  async #kill(): Promise<void> {
    if (!this.#world.isUp) return
    this.#sum.kills++
    await this.#world.killHub()
  }

  async #takeBack(cell: number): Promise<void> {
    const isReachable = this.#isReachable
    const known = this.#known.get(this.#last.get(cell) ?? '')
    if (known?.gone !== 'no') return
    if (await this.#phone.press(cell, 'Take back')) await this.#isGone(known, isReachable)
    else if (await this.#phone.press(cell, 'Cancel')) known.gone = 'maybe'
    else return
    this.#log.push(`  ${known.gone} ${known.id}`)
  }

  /** Without the hub nothing is on its way, so what is no longer in the queue was taken out of it. */
  async #isGone(known: Known, isReachable: boolean): Promise<void> {
    known.gone = 'maybe'
    if (isReachable) return
    await sleep(300)
    const state = (await this.#phone.queued())[known.id]
    assert.notEqual(state, 'queued', 'it was taken back and is in the queue')
    if (state === undefined) known.gone = 'yes'
  }

  /** Whether there was a question. */
  async #answer(cell: number): Promise<boolean> {
    const known = this.#known.get(this.#last.get(cell) ?? '')
    if (!known) return false
    const before = this.#phone.stored.size
    const answer = this.#chance.pick(['Run the new code', 'Run what was queued', 'Run it', 'Drop it'])
    if (!(await this.#phone.press(cell, answer))) return false
    this.#sum.answered++
    this.#log.push(`  ${answer} ${known.id}`)
    if (answer === 'Drop it') known.gone = 'yes'
    if (answer !== 'Run the new code') return true
    await eventually('the new code is stored', () => this.#phone.stored.size > before)
    known.gone = 'yes'
    this.#add(cell, [...this.#phone.stored.values()].at(-1)!)
    return true
  }

  async #finish(): Promise<void> {
    this.#log.push('the end')
    await this.#world.startHub()
    await this.#cut(false)
    await this.#phone.oneTab()
    await this.#phone.reload()
    await eventually('the queue is empty', () => this.#isEmpty(), 60_000)
  }

  async #isEmpty(): Promise<boolean> {
    const states = Object.values(await this.#phone.queued())
    if (states.includes('asks')) for (let cell = 0; cell < cells; cell++) await this.#answer(cell)
    return !states.some(is => is === 'queued' || is === 'sending' || is === 'asks')
  }

  async #check(): Promise<void> {
    const bounds = new Map<string, [number, number]>()
    for (const known of this.#known.values()) {
      const [least, most] = await this.#boundsOf(known)
      const mark = `${this.#world.markOf(known.code)} ${known.device}`
      const [least0, most0] = bounds.get(mark) ?? [0, 0]
      bounds.set(mark, [least0 + least, most0 + most])
    }
    const executed = await this.#world.executions()
    for (const [mark, [least, most]] of bounds) {
      const times = executed.get(mark) ?? 0
      this.#sum.executed += times
      assert.ok(least <= times && times <= most, `${mark} ran ${times} times, not ${least} to ${most}`)
    }
    const marks = new Set([...this.#known.values()].map(({ code }) => this.#world.markOf(code)))
    for (const [mark] of executed)
      if (marks.has(mark.split(' ')[0]!)) assert.ok(bounds.has(mark), `${mark} is the wrong device`)
  }

  /** How often it may have been executed: what is still wanted exactly once. */
  async #boundsOf({ id, gone }: Known): Promise<[number, number]> {
    this.#sum.queued++
    const ended = await this.#world.ended(id)
    if (gone === 'no') {
      assert.notEqual(ended, undefined, `${id} was wanted, and never came to the hub`)
      return [1, 1]
    }
    this.#sum.takenBack++
    if (gone === 'yes') assert.equal(ended, undefined, `${id} was taken back, and came to the hub`)
    return ended === undefined ? [0, 0] : [0, 1]
  }
}
