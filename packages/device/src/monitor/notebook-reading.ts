/**
 * The notebook in a document's text. While a run is shown there it is kept in step with the text, so that output which
 * goes on is not paid for with the length of the notebook (DV131). What is answered always equals a parse of the whole
 * text; where that is not sure, the whole text is what is parsed. Knows no run.
 */
import { sharedNames } from '@meshbook/core/executions.ts'
import { type Notebook, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { quickParse } from '@meshbook/core/notebook/quick-parse.ts'
import { LongText, type TextReader } from '@meshbook/core/text/long-text.ts'
import { changesOf, type Delta } from '@meshbook/core/text/text-delta.ts'
import type * as Y from 'yjs'

export interface Reading {
  text: TextReader
  notebook: Notebook
}

export function contentOf(doc: Y.Doc): Y.Text {
  return doc.getText(sharedNames.content)
}

const kept = new WeakMap<Y.Doc, KeptReading>()

export function readingOf(doc: Y.Doc): Reading {
  return kept.get(doc)?.now() ?? wholeReading(doc)
}

/** Keeps the reading of a document in step until the returned function is called. Not to be begun inside a transaction. */
export function keepReading(doc: Y.Doc): () => void {
  const reading = kept.get(doc) ?? new KeptReading(doc)
  kept.set(doc, reading)
  reading.holders++
  let held = true
  return () => {
    if (!held) return
    held = false
    if (--reading.holders > 0) return
    reading.close()
    kept.delete(doc)
  }
}

function wholeReading(doc: Y.Doc): Reading {
  const text = contentOf(doc).toString()
  return { text, notebook: parseNotebook(text) }
}

class KeptReading {
  holders = 0
  readonly #doc: Y.Doc
  readonly #content: Y.Text
  /** Transactions whose changes are not all told yet. */
  readonly #open = new Set<Y.Transaction>()
  #text: LongText | undefined
  #notebook: Notebook | undefined

  constructor(doc: Y.Doc) {
    this.#doc = doc
    this.#content = contentOf(doc)
    doc.on('beforeTransaction', this.#began)
    doc.on('afterTransaction', this.#ended)
    this.#content.observe(this.#changed)
  }

  /** Undefined while the text has changes that were not told yet. */
  now(): Reading | undefined {
    if (this.#isChanging()) return undefined
    // What is no text counts in the length of the shared text, and does not stand in its string.
    if (this.#text?.length !== this.#content.length) this.#text = undefined
    if (!this.#text) this.#notebook = undefined
    this.#text ??= new LongText([this.#content.toString()])
    this.#notebook ??= parseNotebook(this.#text.toString())
    return { text: this.#text, notebook: this.#notebook }
  }

  #isChanging(except?: Y.Transaction): boolean {
    const content: unknown = this.#content
    return [...this.#open].some(each => each !== except && [...each.changed.keys()].some(type => type === content))
  }

  readonly #began = (transaction: Y.Transaction): void => {
    this.#open.add(transaction)
  }

  readonly #ended = (transaction: Y.Transaction): void => {
    this.#open.delete(transaction)
  }

  readonly #changed = (event: Y.YTextEvent, transaction: Y.Transaction): void => {
    // Where an observer has written in the meantime, this event tells of that too, or of what is there no more.
    if (!this.#text || this.#isChanging(transaction)) {
      this.#text = undefined
      return
    }
    const before = this.#text
    const changes = changesOf(event.delta as Delta)
    this.#text = before.changed(changes)
    this.#notebook = this.#notebook && quickParse(this.#notebook, before, changes, this.#text)
  }

  close(): void {
    this.#doc.off('beforeTransaction', this.#began)
    this.#doc.off('afterTransaction', this.#ended)
    this.#content.unobserve(this.#changed)
  }
}
