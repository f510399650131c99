/** What this browser chose for one notebook: a device, a session of its own. Kept over a reload (W51, W53). */
import { effect, type Signal } from '@preact/signals'

export interface RunChoice {
  on: Signal<string | undefined>
  session: Signal<string | undefined>
}
export type ChoiceStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

interface Kept {
  on?: string
  session?: string
}
const keyOf = (document: string): string => `meshbook.run.${document}`

/** Brings back what was chosen and keeps what is chosen from now on. Returns what ends it. */
export function keepChoice(document: string, { on, session }: RunChoice, storage: () => ChoiceStorage): () => void {
  const kept = read(storage, document)
  on.value = kept.on
  session.value = kept.session
  return effect(() => write(storage, document, { on: on.value, session: session.value }))
}

/** For a notebook that is opened next: it runs in this session, for this browser. */
export function chooseSession(document: string, session: string, storage: () => ChoiceStorage): void {
  write(storage, document, { on: read(storage, document).on, session })
}

function read(storage: () => ChoiceStorage, document: string): Kept {
  try {
    const kept = (JSON.parse(storage().getItem(keyOf(document)) ?? 'null') ?? {}) as Record<keyof Kept, unknown>
    const { on, session } = kept
    return { ...(typeof on === 'string' && { on }), ...(typeof session === 'string' && { session }) }
  } catch {
    // Storage that is forbidden or broken keeps nothing; the choice then holds until the page is closed.
    return {}
  }
}

function write(
  storage: () => ChoiceStorage,
  document: string,
  choice: { [name in keyof Kept]: string | undefined },
): void {
  try {
    if (choice.on === undefined && choice.session === undefined) storage().removeItem(keyOf(document))
    else storage().setItem(keyOf(document), JSON.stringify(choice))
  } catch {
    // As above.
  }
}
