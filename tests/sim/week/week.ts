/**
 * A week of a device that nobody signs in again: the shipped link and token of a device and the shipped channel and
 * store of a hub on one virtual clock (SIM1), with troubles, and kills in every moment of a registration (TK1–TK6).
 */
import '../world/take-over.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Chance } from '../world/chance.ts'
import { HubHost } from '../world/hub-host.ts'
import { Network } from '../world/network.ts'
import { Timeline, withTimeline } from '../world/timeline.ts'
import { asShipped } from '../world/variations.ts'
import { type Scene, troubles } from './troubles.ts'
import type { DeviceTokenTurn } from './turns.ts'
import { countingTurns } from './turns.ts'
import { WeekDevice } from './week-device.ts'

export interface WeekOutcome {
  failures: string[]
  /** Tokens that were turned, and processes that were killed before the device had the next one on its disk. */
  turns: number
  killedBetween: number
  troubles: Record<string, number>
  /** The longest from the end of a trouble until the device was back, in virtual seconds. */
  slowestReturnSeconds: number
  /** Whether a second holder of the key was noticed in the end, and both were shut out. */
  thiefNoticed: boolean
  events: number
  trace: string[]
}

const dayMs = 86_400_000
/** By its longest wait, the patience of both sides with silence, and connections whose order two clocks cannot tell. */
const returnMs = 6 * 60_000
const mostEvents = 20_000_000

export async function week(seed: number, days: number): Promise<WeekOutcome> {
  const chance = new Chance(`week ${seed}`)
  const timeline = new Timeline(chance.split('outside'), mostEvents)
  return withTimeline(timeline, () => new Week(timeline, chance).live(days * dayMs))
}

class Week {
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #scene: Scene
  readonly #outcome: WeekOutcome = {
    failures: [],
    turns: 0,
    killedBetween: 0,
    troubles: {},
    slowestReturnSeconds: 0,
    thiefNoticed: false,
    events: 0,
    trace: [],
  }
  /** A copy of the device's secrets, as somebody took them once. */
  #stolen: WeekDevice | undefined

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline
    this.#chance = chance
    const network = new Network(timeline, chance.split('network'))
    const variations = { ...asShipped, hubDatabase: countingTurns(turn => this.#turned(turn)) }
    const hub = new HubHost({ timeline, network, limits, variations }, chance.split('hub'))
    const device = new WeekDevice({ timeline, network, limits }, chance.split('device'), 'device')
    this.#scene = { timeline, network, hub, device, chance: chance.split('troubles') }
  }

  async live(ms: number): Promise<WeekOutcome> {
    const { hub, device } = this.#scene
    await hub.prepare()
    await hub.addDevice(device.name, device.key.publicKey)
    await hub.start()
    await device.start()
    await this.#isBack('the beginning')
    const names = Object.keys(troubles)
    while (this.#timeline.time < ms && this.#outcome.failures.length === 0) {
      await this.#timeline.run(this.#chance.between(10, 45 * 60) * 1_000)
      await this.#trouble(this.#chance.one(names)!)
      if (this.#chance.happens(0.05)) this.#steal()
    }
    if (this.#outcome.failures.length === 0) await this.#theft()
    for (const uncaught of this.#timeline.uncaught) this.#fail(`UNCAUGHT ${uncaught}`)
    hub.kill()
    hub.disk.close()
    device.close()
    this.#stolen?.close()
    return { ...this.#outcome, events: this.#timeline.events }
  }

  async #trouble(name: string): Promise<void> {
    const { lasts, begin } = troubles[name]!
    this.#note(name)
    this.#outcome.troubles[name] = (this.#outcome.troubles[name] ?? 0) + 1
    const ms = this.#chance.between(...lasts) * 1_000
    const end = await begin(this.#scene, ms)
    await this.#timeline.run(ms)
    await end()
    await this.#isBack(name)
  }

  async #isBack(after: string): Promise<void> {
    const { timeline } = this.#scene
    const from = timeline.time
    // Until it has stayed so for a while: an old connection that nobody answers on looks alive at first.
    for (let steady = 0; steady < 30; ) {
      await timeline.run(1_000)
      await this.#startAgain()
      steady = this.#scene.device.status.state === 'online' && this.#scene.hub.running ? steady + 1 : 0
      if (this.#scene.device.status.state === 'refused') return this.#fail(`refused after: ${after}`)
      if (timeline.time - from > returnMs) return this.#fail(`not back ${returnMs / 60_000} minutes after: ${after}`)
    }
    const seconds = Math.round((timeline.time - from) / 1_000) - 30
    this.#outcome.slowestReturnSeconds = Math.max(this.#outcome.slowestReturnSeconds, seconds)
  }

  /** Whoever watches over services does that; no person does anything. */
  async #startAgain(): Promise<void> {
    const { hub, device } = this.#scene
    if (!hub.running) await hub.start()
    if (!device.process?.alive) await device.start()
  }

  /** The hub has stored the next token: now and then somebody is killed before, while or after the device stores it. */
  #turned({ committed }: DeviceTokenTurn): void {
    if (committed) this.#outcome.turns++
    if (!this.#chance.happens(0.15)) return
    const { timeline, hub, device } = this.#scene
    const [victim, what] = this.#chance.happens(0.5) ? [hub, 'the hub'] : [device, 'the device']
    timeline.schedule(timeline.outside, this.#chance.between(0, 120), () => {
      this.#outcome.killedBetween++
      this.#note(`${what} is killed after a turn`)
      victim.kill()
    })
  }

  #steal(): void {
    const { device, network } = this.#scene
    this.#stolen?.close()
    const setting = { timeline: this.#timeline, network, limits }
    this.#stolen = new WeekDevice(setting, this.#chance.split('thief'), 'thief', device)
  }

  /** The device has gone on since: the copy is of no use to the thief, and both are shut out (TK4, TK5). */
  async #theft(): Promise<void> {
    const { device, network } = this.#scene
    this.#steal()
    for (let more = 0; more < 2; more++) {
      network.cut(device.name)
      await this.#isBack('the theft')
    }
    const thief = this.#stolen!
    await thief.start()
    for (let seconds = 0; seconds < 120; seconds++) {
      await this.#timeline.run(1_000)
      await this.#startAgain()
      if (!thief.process?.alive) await thief.start()
    }
    this.#outcome.thiefNoticed = thief.status.state === 'refused' && device.status.state === 'refused'
    if (!this.#outcome.thiefNoticed) this.#fail(`thief ${thief.status.state}, device ${device.status.state}`)
  }

  #note(what: string): void {
    this.#outcome.trace.push(`${(this.#timeline.time / 3_600_000).toFixed(3)} h  ${what}`)
  }

  #fail(what: string): void {
    this.#note(what)
    this.#outcome.failures.push(what)
  }
}
