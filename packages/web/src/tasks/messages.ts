/** What was said to an agent and is not heard yet: sent under one id each, until the log has it (TP11). Pure. */
import type { Transcript } from '@meshbook/core/task-transcript.ts'

export interface Unheard {
  id: string
  text: string
  state: 'sending' | 'sent' | 'failed'
  problem: string
}

/** Those that the log does not have. */
export function notHeard(messages: readonly Unheard[], { items }: Pick<Transcript, 'items'>): readonly Unheard[] {
  const heard = new Set(items.flatMap(item => (item.kind === 'message' ? [item.id] : [])))
  return messages.some(({ id }) => heard.has(id)) ? messages.filter(({ id }) => !heard.has(id)) : messages
}

export function withMessage(messages: readonly Unheard[], message: Unheard): Unheard[] {
  return [...messages.filter(({ id }) => id !== message.id), message].sort(
    (a, b) => orderOf(messages, a) - orderOf(messages, b),
  )
}

function orderOf(messages: readonly Unheard[], { id }: Unheard): number {
  const at = messages.findIndex(message => message.id === id)
  return at < 0 ? messages.length : at
}
