/**
 * A whole hub, killed with SIGKILL again and again at moments that a seed decides, under writers and onlookers over real
 * sockets. After each restart every document is read back and compared with what was acknowledged or seen before.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Chance, chanceOf } from '../soak/random.ts'
import { DocumentLedger } from './document-ledger.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'
import { type Dial, MarkingClient, Onlooker, readBack } from './marked-clients.ts'

/** When the hub is killed: while it starts, right after it opened documents, under load, or while it compacts. */
const moments = ['load', 'first open', 'compaction', 'start'] as const
export type KillMoment = (typeof moments)[number]

export interface KillFigures {
  kills: number
  acknowledged: number
  /** Deliveries of single edits to clients that keep nothing and never reconnect. */
  seenByOthers: number
  documents: number
  moments: Record<KillMoment, number>
  /** Of the kills at a compaction: how many left the updates, how many the snapshot. */
  compactionLeft: { old: number; new: number }
}

const documentsAtOnce = 3
const roundsPerDocument = 40
/** More than the relay leaves uncompacted. */
const burst = 620

export async function killRounds(
  seed: number,
  most: { kills: number; acknowledged: number },
  say: (text: string) => void,
): Promise<KillFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-kill-'))
  const rounds = new KillRounds(chanceOf(seed), folder)
  try {
    while (rounds.figures.kills < most.kills || rounds.figures.acknowledged < most.acknowledged) {
      await rounds.round()
      if (rounds.figures.kills % 50 === 0) say(JSON.stringify(rounds.figures))
    }
    await rounds.checkEverything()
    return rounds.figures
  } finally {
    await rounds.end()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Busy {
  ledger: DocumentLedger
  writers: MarkingClient[]
  onlookers: Onlooker[]
}

class KillRounds {
  readonly figures: KillFigures = {
    kills: 0,
    acknowledged: 0,
    seenByOthers: 0,
    documents: 0,
    moments: { start: 0, 'first open': 0, load: 0, compaction: 0 },
    compactionLeft: { old: 0, new: 0 },
  }
  readonly #chance: Chance
  readonly #folder: string
  readonly #retired: DocumentLedger[] = []
  #busy: Busy[] = []
  #hub: HubProcess | undefined
  #nextMark = 0
  #killedCompacting: string | undefined

  constructor(chance: Chance, folder: string) {
    this.#chance = chance
    this.#folder = folder
  }

  async round(): Promise<void> {
    const moment = this.#moment()
    const hub = this.#start()
    if (moment === 'start') await sleep(this.#chance.between(0, 450))
    else await this.#work(await hub.ready(), hub, moment)
    await hub.kill()
    this.figures.kills++
    this.figures.moments[moment]++
    await this.#settle()
  }

  async checkEverything(): Promise<void> {
    const at = await this.#start().ready()
    for (const ledger of [...this.#retired, ...this.#busy.map(busy => busy.ledger)])
      ledger.check(await readBack(dialOf(at, ledger.path)))
    this.figures.documents = this.#retired.length + this.#busy.length
  }

  async end(): Promise<void> {
    for (const { writers, onlookers } of this.#busy) for (const client of [...writers, ...onlookers]) client.end()
    await this.#hub?.kill()
  }

  /** Each once, so that few rounds have all of them; then by chance. */
  #moment(): KillMoment {
    const first = moments[this.figures.kills]
    if (first) return first
    const share = this.#chance.next()
    if (share < 0.1) return 'start'
    if (share < 0.25) return 'first open'
    return share < 0.45 ? 'compaction' : 'load'
  }

  #start(): HubProcess {
    this.#hub = new HubProcess(join(this.#folder, 'data'))
    return this.#hub
  }

  async #work(at: HubAddress, hub: HubProcess, moment: KillMoment): Promise<void> {
    this.#noteCompaction()
    for (const { ledger } of this.#busy) ledger.check(await readBack(dialOf(at, ledger.path)))
    this.#rotate()
    const opened = this.#join(at)
    if (moment === 'first open') {
      // The writers' unacknowledged edits and the first reading of every document are under way now.
      await sleep(this.#chance.between(0, 40))
      return void hub.kill()
    }
    await opened
    if (moment === 'compaction') await this.#untilCompacting(at)
    else await this.#load(this.#chance.between(30, 350))
  }

  /** A document gets some rounds, so that the histories stay of a size at which many rounds are possible. */
  #rotate(): void {
    if (this.figures.kills % roundsPerDocument === 0) {
      for (const { ledger, writers } of this.#busy.splice(0)) {
        for (const writer of writers) writer.end()
        this.#retired.push(ledger)
      }
    }
    while (this.#busy.length < documentsAtOnce) {
      const path = `doc-${this.figures.kills}-${this.#busy.length}.md`
      this.#busy.push({ ledger: new DocumentLedger(path), writers: [], onlookers: [] })
    }
  }

  /** Of the writers of the last round one comes back with what was not acknowledged, the other never does. */
  async #join(at: HubAddress): Promise<void> {
    const joining = this.#busy.map(async busy => {
      const [first = new MarkingClient(), other] = busy.writers
      other?.end()
      busy.writers = [first, new MarkingClient()]
      busy.onlookers = [new Onlooker(dialOf(at, busy.ledger.path))]
      await Promise.all(busy.writers.map(writer => writer.connect(dialOf(at, busy.ledger.path))))
      await within(2_000, () => busy.writers.every(({ synced }) => synced) && busy.onlookers.every(one => one.synced))
    })
    await Promise.all(joining)
  }

  async #load(ms: number): Promise<void> {
    const until = performance.now() + ms
    while (performance.now() < until) {
      for (const busy of this.#busy) for (const writer of busy.writers) this.#edit(busy, writer)
      await sleep(2)
    }
  }

  #edit({ ledger }: Busy, writer: MarkingClient): void {
    if (this.#chance.next() < 0.05) {
      const mark = writer.remove(this.#chance.next())
      if (mark !== undefined) ledger.deletes(mark)
    } else writer.insert(this.#nextMark++, this.#chance.next())
  }

  /** The relay compacts when the acknowledgements of so many updates have been sent. */
  async #untilCompacting(at: HubAddress): Promise<void> {
    const ledger = new DocumentLedger(`burst-${this.figures.kills}.md`)
    const writer = new MarkingClient()
    const onlooker = new Onlooker(dialOf(at, ledger.path))
    await writer.connect(dialOf(at, ledger.path))
    await within(2_000, () => writer.synced && onlooker.synced)
    for (let i = 0; i < burst; i++) writer.insert(this.#nextMark++, 1)
    const enough = this.#chance.between(400, 560)
    await within(5_000, () => writer.acknowledged >= enough)
    await sleep(this.#chance.between(0, 6))
    this.#killedCompacting = ledger.path
    this.#busy.push({ ledger, writers: [writer], onlookers: [onlooker] })
  }

  /** What the last kill at a compaction left: the hub has been started since, nobody has opened the document yet. */
  #noteCompaction(): void {
    if (!this.#killedCompacting) return
    const database = new DatabaseSync(join(this.#folder, 'data/hub.db'), { readOnly: true })
    const found = database
      .prepare(
        'SELECT snapshots.position FROM documents LEFT JOIN relay_snapshots AS snapshots ON snapshots.document_id = documents.document_id WHERE documents.path = ?',
      )
      .get(this.#killedCompacting) as { position: number | null } | undefined
    database.close()
    if (found) this.figures.compactionLeft[found.position === null ? 'old' : 'new']++
    this.#killedCompacting = undefined
  }

  /** The sockets notice; what they were told until then is what must be there. */
  async #settle(): Promise<void> {
    const clients = this.#busy.flatMap(({ writers, onlookers }) => [...writers, ...onlookers])
    await within(2_000, () => clients.every(client => !client.isOpen))
    for (const { ledger, writers, onlookers } of this.#busy) {
      ledger.note(writers, onlookers)
      for (const onlooker of onlookers) this.figures.seenByOthers += onlooker.live
    }
    this.#count()
    for (const busy of this.#busy) busy.onlookers = []
    // A burst's document is checked at the end; its writer never comes back.
    for (const { ledger, writers } of this.#busy.splice(documentsAtOnce)) {
      for (const writer of writers) writer.end()
      this.#retired.push(ledger)
    }
  }

  readonly #counted = new WeakMap<MarkingClient, number>()

  #count(): void {
    for (const writer of this.#busy.flatMap(({ writers }) => writers)) {
      this.figures.acknowledged += writer.acknowledged - (this.#counted.get(writer) ?? 0)
      this.#counted.set(writer, writer.acknowledged)
    }
  }
}

function dialOf({ url, token }: HubAddress, path: string): Dial {
  return { url: `${url.replace('http', 'ws')}/sync/me/demo/${path}`, token }
}

async function within(ms: number, done: () => boolean): Promise<void> {
  const end = performance.now() + ms
  while (!done() && performance.now() < end) await sleep(1)
}
