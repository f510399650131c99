/** What this browser chose for one notebook: a device, a session of its own. Kept over a reload (W51, W53). */
import { effect, type Signal } from '@preact/signals'
import * as v from 'valibot'

export interface RunChoice {
  on: Signal<string | undefined>
  session: Signal<string | undefined>
}
export type ChoiceStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

const schema = v.object({ on: v.optional(v.string()), session: v.optional(v.string()) })
const keyOf = (document: string): string => `meshbook.run.${document}`

/** Brings back what was chosen and keeps what is chosen from now on. Returns what ends it. */
export function keepChoice(document: string, { on, session }: RunChoice, storage: () => ChoiceStorage): () => void {
  const kept = read(storage, document)
  on.value = kept.on
  session.value = kept.session
  return effect(() => write(storage, document, { on: on.value, session: session.value }))
}

function read(storage: () => ChoiceStorage, document: string): v.InferOutput<typeof schema> {
  try {
    const parsed = v.safeParse(schema, JSON.parse(storage().getItem(keyOf(document)) ?? '{}'))
    return parsed.success ? parsed.output : {}
  } catch {
    // Storage that is forbidden or broken keeps nothing; the choice then holds until the page is closed.
    return {}
  }
}

function write(storage: () => ChoiceStorage, document: string, choice: v.InferInput<typeof schema>): void {
  try {
    if (choice.on === undefined && choice.session === undefined) storage().removeItem(keyOf(document))
    else storage().setItem(keyOf(document), JSON.stringify(choice))
  } catch {
    // As above.
  }
}
