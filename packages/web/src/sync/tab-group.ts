/**
 * The tabs of this browser that have one document open: who leads, what each has, and what is missing. It must not know
 * the hub, nor where anything is stored.
 */
import { limits } from '@meshbook/core/limits.ts'
import { covers, type EditVector } from './edit-vector.ts'
import type { Candidacy, LinkPorts, TabChannel } from './link-ports.ts'
import { type LeaderStatus, readTabMessage, type TabMessage, tabMessage } from './tab-messages.ts'

/** The tab itself, as the group sees it. */
export interface TabMember {
  readonly tab: string
  readonly epoch: number | undefined
  readonly have: EditVector
  readonly acked: EditVector
  vector(): Uint8Array
  updateSince(vector: Uint8Array): Uint8Array
  /** Takes content, with the edits that it completes; false if something that it builds on is missing. */
  take(update: Uint8Array, edits: EditVector): boolean
  adopt(epoch: number): void
  takeAcked(acked: EditVector): void
  takeStatus(status: LeaderStatus): void
  takePresence(update: Uint8Array): void
  presence(): Uint8Array
  lead(): void
  follow(): void
  replaced(epoch: number): void
  carryOver(): void
  carried(): void
}

const pingMs = limits.pingMs / 2
const answerMs = limits.pingMs / 2 - 1_000
const askAgainMs = 1_000
/** Of no use to a tab that comes later: it says hello, and is told all there is. */
const news = new Set<TabMessage['type']>(['edit', 'remote', 'status', 'presence'])
const gatherMs = 100

export class TabGroup {
  readonly #document: string
  readonly #member: TabMember
  readonly #ports: LinkPorts
  readonly #channel: TabChannel
  #candidacy: Candidacy | undefined
  /** What the leader is told to be; of this tab while it leads. */
  #status: LeaderStatus | undefined
  #leading = false
  #started = false
  /** Another tab has been heard; before that there is nobody to tell. */
  #heard = false
  /** Asked a moment ago; `again` when there was reason to ask once more meanwhile. */
  #asking: 'no' | 'asked' | 'again' = 'no'
  #cancelPing: (() => void) | undefined
  #cancelAnswer: (() => void) | undefined
  #closed = false
  #early: TabMessage[] = []
  readonly #outgoing: TabMessage[] = []
  #cancelFlush: (() => void) | undefined

  constructor(document: string, member: TabMember, ports: LinkPorts) {
    this.#document = document
    this.#member = member
    this.#ports = ports
    this.#channel = ports.openTabs(document, message => {
      const read = readTabMessage(message)
      if (!read || this.#closed) return
      this.#heard = true
      if (this.#started) this.#receive(read)
      else this.#early.push(read)
    })
  }

  get leading(): boolean {
    return this.#leading
  }

  /** What was stored is loaded: takes what arrived meanwhile, asks the others, and stands for the lead. */
  start(): void {
    this.#started = true
    for (const message of this.#early.splice(0)) this.#receive(message)
    this.#ask()
    this.post({ type: 'presence', update: this.#member.presence() })
    this.#candidacy = this.#ports.campaign(this.#document, {
      onLead: () => this.#lead(),
      onLost: () => this.#lose(),
    })
    this.#pingLater()
  }

  post(message: TabMessage): void {
    if (this.#closed || (!this.#heard && news.has(message.type))) return
    this.#flush()
    this.#channel.post(tabMessage(message))
  }

  /** A key does not wait for the other tabs: they are told of it a moment later, and before anything else. */
  postSoon(message: TabMessage): void {
    if (!this.#heard && news.has(message.type)) return
    this.#outgoing.push(message)
    this.#cancelFlush ??= this.#ports.after(gatherMs, () => this.#flush())
  }

  #flush(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    for (const message of this.#outgoing.splice(0)) if (!this.#closed) this.#channel.post(tabMessage(message))
  }

  /** Tells the others what the leader knows. */
  announce(status: LeaderStatus): void {
    this.#status = status
    this.#sayStatus()
  }

  /** The page woke up: what was said meanwhile may have been missed. */
  woke(): void {
    if (this.#started && !this.#closed) this.#ask()
  }

  /** Gives the lead away; messages are still taken. */
  resign(): void {
    this.#leading = false
    this.#cancelPing?.()
    this.#cancelAnswer?.()
    this.#candidacy?.release()
    this.#candidacy = undefined
  }

  close(): void {
    this.resign()
    this.#flush()
    this.#closed = true
    this.#channel.close()
  }

  #lead(): void {
    if (this.#leading || this.#closed) return
    this.#leading = true
    this.#cancelAnswer?.()
    this.#member.lead()
  }

  #lose(): void {
    if (!this.#leading) return
    this.#leading = false
    this.#status = undefined
    this.#member.follow()
    this.#ask()
    this.#pingLater()
  }

  #sayStatus(): void {
    if (this.#leading && this.#status)
      this.post({ type: 'status', epoch: this.#member.epoch, acked: this.#member.acked, status: this.#status })
  }

  #ask(): void {
    if (this.#asking !== 'no') {
      this.#asking = 'again'
      return
    }
    this.#asking = 'asked'
    this.#ports.after(askAgainMs, () => {
      const again = this.#asking === 'again'
      this.#asking = 'no'
      if (again && !this.#closed) this.#ask()
    })
    const { tab: from, epoch, have } = this.#member
    this.post({ type: 'hello', from, epoch, vector: this.#member.vector(), have })
  }

  #receive(message: TabMessage): void {
    switch (message.type) {
      case 'hello':
        this.#answer(message)
        return
      case 'state':
        this.#takeState(message)
        return
      case 'edit':
        if (message.epoch === this.#member.epoch) this.#takeEdit(message)
        return
      case 'remote':
        if (message.epoch === this.#member.epoch && !this.#member.take(message.update, {})) this.#ask()
        return
      case 'status':
        this.#takeStatus(message)
        return
      case 'ping':
        this.#sayStatus()
        return
      case 'presence':
        this.#member.takePresence(message.update)
        return
      case 'replaced':
        if (this.#member.epoch !== undefined && message.epoch > this.#member.epoch) this.#member.replaced(message.epoch)
        return
      case 'due':
        this.#member.carryOver()
        return
      case 'carried':
        this.#member.carried()
    }
  }

  #answer({ from, epoch: theirs, vector, have }: Extract<TabMessage, { type: 'hello' }>): void {
    const { epoch, have: mine, acked } = this.#member
    if (epoch === undefined) return
    if (theirs !== undefined && theirs !== epoch) {
      if (theirs < epoch) this.post({ type: 'replaced', epoch })
      return
    }
    const status = this.#leading ? this.#status : undefined
    const update = this.#member.updateSince(vector)
    this.post({ type: 'state', to: from, epoch, update, have: mine, acked, status })
    this.post({ type: 'presence', update: this.#member.presence() })
    if (!covers(mine, have)) this.#ask()
  }

  #takeState(state: Extract<TabMessage, { type: 'state' }>): void {
    const member = this.#member
    if (state.to !== member.tab) return
    if (member.epoch === undefined) member.adopt(state.epoch)
    if (state.epoch !== member.epoch) return
    member.take(state.update, state.have)
    member.takeAcked(state.acked)
    if (state.status && !this.#leading) this.#hear(state.status)
  }

  /** Edits of a tab are taken in their order; a gap is asked for. */
  #takeEdit({ from, n, update }: Extract<TabMessage, { type: 'edit' }>): void {
    const last = this.#member.have[from] ?? 0
    if (n <= last) return
    const next = n === last + 1
    if (!this.#member.take(update, next ? { [from]: n } : {}) || !next) this.#ask()
  }

  #takeStatus({ epoch, acked, status }: Extract<TabMessage, { type: 'status' }>): void {
    // The leader has content now that this tab has nothing of: what it brought before could not be taken (W13).
    if (epoch !== undefined && this.#member.epoch === undefined) this.#ask()
    if (this.#leading || (epoch !== undefined && epoch !== this.#member.epoch)) return
    this.#member.takeAcked(acked)
    this.#hear(status)
  }

  #hear(status: LeaderStatus): void {
    this.#cancelAnswer?.()
    this.#cancelAnswer = undefined
    this.#member.takeStatus(status)
  }

  #pingLater(): void {
    this.#cancelPing?.()
    this.#cancelPing = this.#ports.after(pingMs, () => this.#ping())
  }

  /** A leader that is frozen keeps its lock, and answers nothing. */
  #ping(): void {
    if (this.#leading || this.#closed) return
    this.post({ type: 'ping' })
    this.#cancelAnswer ??= this.#ports.after(answerMs, () => {
      this.#cancelAnswer = undefined
      if (!this.#leading && !this.#closed) this.#candidacy?.steal()
    })
    this.#pingLater()
  }
}
