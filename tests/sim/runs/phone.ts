/**
 * Somebody with a phone in a world with runs: asks the hub's own `Runs`, follows a run by its own `readRun`, loses requests
 * and answers on the way, and tries again. The way is all that is made here.
 */

import type { RunId } from '@meshbook/core/ids.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import type { NumberedEvent } from '@meshbook/core/run.ts'
import type { Parts } from '@meshbook/hub/parts.ts'
import { type RunReader, readRun } from '@meshbook/hub/runs/run-stream.ts'
import { createParser } from 'eventsource-parser'
import type { Chance } from '../world/chance.ts'
import type { HubHost } from '../world/hub-host.ts'
import { Process, type Timeline } from '../world/timeline.ts'

export const phoneName = 'phone'
/** Without an answer for so long, it asks again. */
const patienceMs = 900

export interface Followed {
  request: RunRequest & { id: RunId }
  /** What it was shown, in the order in which it was shown. */
  shown: NumberedEvent[]
  isAccepted: boolean
  isOver: boolean
}

export class Phone {
  readonly runs: Followed[] = []
  /** Nothing arrives in either direction. */
  isParted = false
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #hub: HubHost
  readonly #process: Process
  readonly #latencyMs: [number, number]
  /** Counts the times that its connections were cut. */
  #life = 0

  constructor(timeline: Timeline, chance: Chance, hub: HubHost, latencyMs: [number, number]) {
    this.#timeline = timeline
    this.#chance = chance
    this.#hub = hub
    this.#latencyMs = latencyMs
    this.#process = new Process(phoneName, chance.split('process'))
  }

  ask(request: RunRequest & { id: RunId }): Followed {
    const followed: Followed = { request, shown: [], isAccepted: false, isOver: false }
    this.runs.push(followed)
    this.#submit(followed)
    return followed
  }

  cancel(id: RunId): void {
    this.#atHub(
      parts => void parts.runs.cancel(this.#hub.identity.org, id, 'cancelled on the phone').catch(() => undefined),
    )
  }

  /** Its connections are gone, and what was on them. */
  cut(): void {
    this.#life++
  }

  #submit(followed: Followed): void {
    if (followed.isAccepted) return
    const { org, principal: who } = this.#hub.identity
    const requester = { name: who.name, asker: { org: who.org, user: who.user }, source: { who } }
    this.#atHub((parts, answer) => {
      parts.runs.submit(org, requester, followed.request).then(
        () =>
          answer(() => {
            if (followed.isAccepted) return
            followed.isAccepted = true
            this.#follow(followed)
          }),
        // A disk that refuses at the moment: it asks again.
        () => undefined,
      )
    })
    this.#timeline.schedule(this.#process, patienceMs, () => this.#submit(followed))
  }

  #follow(followed: Followed): void {
    if (followed.isOver) return
    const aborted = new AbortController()
    let heardAt = this.#timeline.time
    const parser = createParser({
      onEvent: ({ id, data }) => followed.shown.push({ seq: Number(id), event: JSON.parse(data) } as NumberedEvent),
    })
    const hear = (text: string | undefined): void => {
      heardAt = this.#timeline.time
      if (aborted.signal.aborted) return
      if (text === undefined) followed.isOver = true
      else parser.feed(text)
    }
    this.#atHub((parts, answer) => this.#pump(parts, followed, answer, hear, aborted.signal))
    this.#watch(followed, aborted, () => heardAt)
  }

  /** Another connection when this one is silent for too long. */
  #watch(followed: Followed, aborted: AbortController, heardAt: () => number): void {
    this.#timeline.schedule(this.#process, patienceMs, () => {
      if (followed.isOver) return
      if (this.#timeline.time - heardAt() < patienceMs) return this.#watch(followed, aborted, heardAt)
      aborted.abort()
      this.#follow(followed)
    })
  }

  #pump(
    parts: Parts,
    followed: Followed,
    answer: (tell: () => void) => void,
    hear: (text: string | undefined) => void,
    signal: AbortSignal,
  ): void {
    const { org } = this.#hub.identity
    const next = (reader: RunReader): void => {
      reader.next(signal).then(
        text => {
          answer(() => hear(text))
          if (text === undefined || signal.aborted) reader.stop()
          else next(reader)
        },
        () => reader.stop(),
      )
    }
    readRun(parts.store, parts.feeds, org, followed.request.id, followed.shown.at(-1)?.seq ?? 0).then(
      reader => (reader ? next(reader) : answer(() => hear(undefined))),
      // The hub ended meanwhile: nobody answers, as after any cut.
      () => undefined,
    )
  }

  /** Does something in the hub's process, if the request arrives; `answer` goes back, in order, if nothing was cut meanwhile. */
  #atHub(task: (parts: Parts, answer: (tell: () => void) => void) => void): void {
    const { process } = this.#hub
    const life = this.#life
    if (!process || this.isParted) return
    let busyUntil = 0
    const isCut = (): boolean => this.isParted || life !== this.#life
    this.#timeline.schedule(process, this.#delay(), () => {
      const { parts } = this.#hub
      if (!parts || isCut()) return
      task(parts, tell => {
        if (isCut()) return
        busyUntil = Math.max(busyUntil, this.#timeline.time + this.#delay())
        this.#timeline.schedule(this.#process, busyUntil - this.#timeline.time, () => isCut() || tell())
      })
    })
  }

  #delay(): number {
    return this.#chance.between(...this.#latencyMs)
  }
}
