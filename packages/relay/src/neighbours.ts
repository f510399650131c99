/**
 * The port by which relays on one log tell each other news of documents. News is a hint and nothing more: it may be lost,
 * doubled, late or out of order, and whoever hears it looks into the log. With it: relays of one process.
 */
import type { DocumentKey } from './store/document-store.ts'

export type News =
  /** The document's log goes this far. */
  | { type: 'position'; epoch: number; position: number }
  /** The document was deleted. */
  | { type: 'removed' }
  /** Somebody opened the document and wants to know who is there. */
  | { type: 'who' }
  /** Awareness states as they travel in a sync frame. */
  | { type: 'awareness'; states: Uint8Array }

/** `from` names the relay that tells, for as long as it runs. */
export type OnNews = (news: News, from: string) => void

export interface Neighbours {
  /** Tells the others who joined the document; never waits, never throws, promises nothing. */
  tell(key: DocumentKey, news: News): void
  /** Hears of the document until the function returned is called; never what this side told itself. */
  join(key: DocumentKey, onNews: OnNews): () => void
  close(): Promise<void>
}

const nameOf = ({ org, document }: DocumentKey): string => `${org}/${document}`

/** Where relays of one process meet. */
export class NeighbourExchange {
  readonly #members = new Set<Member>()

  connect(): Neighbours {
    const member: Member = new Member(`relay ${this.#members.size + 1}`, (key, news) => {
      for (const other of this.#members) if (other !== member) other.hear(key, news, member.name)
    })
    this.#members.add(member)
    return member
  }
}

class Member implements Neighbours {
  readonly name: string
  readonly #pass: (key: DocumentKey, news: News) => void
  readonly #listeners = new Map<string, OnNews>()

  constructor(name: string, pass: (key: DocumentKey, news: News) => void) {
    this.name = name
    this.#pass = pass
  }

  tell(key: DocumentKey, news: News): void {
    const told = news.type === 'awareness' ? { ...news, states: news.states.slice() } : news
    // In a later turn, as over a network: the teller is in the middle of something.
    setImmediate(() => this.#pass(key, told))
  }

  hear(key: DocumentKey, news: News, from: string): void {
    this.#listeners.get(nameOf(key))?.(news, from)
  }

  join(key: DocumentKey, onNews: OnNews): () => void {
    const name = nameOf(key)
    this.#listeners.set(name, onNews)
    return () => {
      if (this.#listeners.get(name) === onNews) this.#listeners.delete(name)
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear()
  }
}
