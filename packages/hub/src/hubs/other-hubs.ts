/**
 * What happens on the other hubs of one database: reads the news of the store in order, when woken and once a second, and
 * hands each subject to whoever it concerns. It also beats for this hub and knows who else does. Nothing rests on a hint.
 */
import type { DeviceId, Now, OrgId, ProjectId, RunId, UserId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { NewsItem } from '../store/news.ts'
import type { Wake } from './wake.ts'

/** What this hub does about it; each looks at the store itself, and may be asked again for nothing. */
export interface Concerned {
  run(org: OrgId, run: RunId): Promise<void>
  device(org: OrgId, device: DeviceId): Promise<void>
  sessions(org: OrgId): void
  documents(org: OrgId, project: ProjectId): void
  orders(org: OrgId, recipient: string): Promise<void>
  /** The roles of the user in the project are others now; `org` is the project's or the user's. */
  member(org: OrgId, project: ProjectId, user: UserId): void
  ownerKeys(org: OrgId, user: UserId): void
  closed(credential: { kind: string; id: string }): Promise<void> | void
  grew(org: OrgId, run: RunId): void
  /** Looks at every device; `isFirst` when this hub begins. */
  devices(): Promise<void>
  /** Whatever may have been missed. */
  lookAgain(): Promise<void>
}

export interface OtherHubsPorts {
  store: HubStore
  wake: Wake
  times: Limits
  now: Now
  log: Log
  /** Name of this hub for as long as it runs. */
  hub: string
  /** Any org that there is: every row has one. */
  org: OrgId
}

/** How often is looked at whether the others have heard, where that matters. */
const askEveryMs = 20
/** A hub that has not beaten for so many times its turn is forgotten. */
const forgottenTurns = 100

export class OtherHubs {
  readonly #ports: OtherHubsPorts
  readonly #beats = new Map<string, { beatAt: number; noticedAt: number }>()
  #concerned: Concerned | undefined
  #position = 0
  #looking: 'once' | 'again' | undefined
  #timers: NodeJS.Timeout[] = []

  constructor(ports: OtherHubsPorts) {
    this.#ports = ports
  }

  get hub(): string {
    return this.#ports.hub
  }

  /** When this hub last noticed a beat of that one, by its own clock. */
  lastBeat(hub: string): number {
    return this.#beats.get(hub)?.noticedAt ?? 0
  }

  async start(concerned: Concerned): Promise<void> {
    const { store, times, wake } = this.#ports
    this.#concerned = concerned
    this.#position = await store.query('newsPosition')
    await this.#beat()
    await store.call('heardNews', { org: this.#ports.org, hub: this.#ports.hub, position: this.#position })
    await concerned.devices()
    wake.listen(hint => (hint.type === 'grew' ? concerned.grew(hint.org, hint.run) : this.#look()))
    this.#every(times.neighbourPollMs, async () => {
      this.#look()
      await concerned.lookAgain()
    })
    this.#every(times.hubBeatMs, () => this.#beat())
    this.#every(times.heartbeatMs, async () => {
      await concerned.devices()
      await store.call('sweepNews', { kept: times.newsKeptRows, now: this.#ports.now() })
    })
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#concerned = undefined
  }

  /** One at a time: a turn that takes longer than its interval is not overtaken by the next. */
  #every(ms: number, turn: () => Promise<void>): void {
    let busy = false
    const timer = setInterval(() => {
      if (busy) return
      busy = true
      turn()
        .catch((error: unknown) => this.#ports.log.debug({ err: error }, 'looking after other hubs failed'))
        .finally(() => {
          busy = false
        })
    }, ms)
    this.#timers.push(timer)
  }

  async #beat(): Promise<void> {
    const { store, hub, org, now, times } = this.#ports
    const at = now()
    await store.call('beatHub', { org, hub, now: at, forgetBefore: at - forgottenTurns * times.hubBeatMs })
    for (const { hub: name, beatAt } of await store.query('listHubs'))
      if (this.#beats.get(name)?.beatAt !== beatAt) this.#beats.set(name, { beatAt, noticedAt: now() })
  }

  #look(): void {
    if (this.#looking) this.#looking = 'again'
    else this.#read().catch((error: unknown) => this.#ports.log.debug({ err: error }, 'reading news of hubs failed'))
  }

  async #read(): Promise<void> {
    try {
      do {
        this.#looking = 'once'
        const items = await this.#ports.store.query('readNews', {
          after: this.#position,
          rows: this.#ports.times.newsRows,
        })
        const passed = items.map(item => this.#pass(item))
        this.#position = items.at(-1)?.position ?? this.#position
        if (items.some(({ subject }) => subject.startsWith('closed '))) this.#heardWhen(passed, this.#position)
        if (items.length === this.#ports.times.newsRows) this.#looking = 'again'
      } while (this.#isAgain())
    } finally {
      this.#looking = undefined
    }
  }

  #isAgain(): boolean {
    return this.#looking === 'again' && this.#concerned !== undefined
  }

  async #pass({ org, subject }: NewsItem): Promise<void> {
    const [kind, about = ''] = subject.split(/ (.*)/, 2)
    await this.#tell(kind ?? '', org, about)?.catch((error: unknown) =>
      this.#ports.log.warn({ err: error, subject }, 'news of another hub could not be acted on'),
    )
  }

  /** Whoever revoked something elsewhere waits for that. */
  #heardWhen(passed: readonly Promise<void>[], position: number): void {
    const { store, hub, org, log } = this.#ports
    Promise.all(passed)
      .then(() => store.call('heardNews', { org, hub, position }))
      .catch((error: unknown) => log.debug({ err: error }, 'other hubs were not told what was heard'))
  }

  /**
   * Resolves once every hub that beats has closed what was opened with these credentials, so that who is told of a
   * revocation may rely on it (CH10); or after a while, should one of them hang.
   */
  async haveClosed(org: OrgId, credentials: readonly { kind: string; id: string }[]): Promise<void> {
    const { store, hub, times } = this.#ports
    const subjects = credentials.map(({ kind, id }) => `closed ${kind}:${id}` as const)
    const found = await Promise.all(subjects.map(subject => store.query('newsOf', { org, subject })))
    const position = Math.max(0, ...found.map(at => at ?? 0))
    for (let waitedMs = 0; waitedMs < 2 * times.neighbourPollMs; waitedMs += askEveryMs) {
      const lacks = (await store.query('listHubs')).some(
        other => other.hub !== hub && other.heard < position && this.#beatsStill(other.hub),
      )
      if (!lacks) return
      await new Promise(resolve => setTimeout(resolve, askEveryMs))
    }
  }

  #beatsStill(hub: string): boolean {
    const { now, times } = this.#ports
    return now() - this.lastBeat(hub) < times.suspectMs
  }

  #tell(kind: string, org: OrgId, about: string): Promise<void> | undefined {
    const concerned = this.#concerned
    if (kind === 'run') return concerned?.run(org, about as RunId)
    if (kind === 'device') return concerned?.device(org, about as DeviceId)
    if (kind === 'orders') return concerned?.orders(org, about)
    if (kind === 'sessions') concerned?.sessions(org)
    if (kind === 'documents') concerned?.documents(org, about as ProjectId)
    if (kind === 'owner-keys') concerned?.ownerKeys(org, about as UserId)
    const [project, user] = about.split(' ', 2)
    if (kind === 'member') concerned?.member(org, project as ProjectId, user as UserId)
    const [credential = '', id = ''] = about.split(':', 2)
    return kind === 'closed' ? (concerned?.closed({ kind: credential, id }) ?? undefined) : undefined
  }
}
