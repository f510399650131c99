/**
 * What decides how the model server answers: a function of the conversation that it is sent. All wire formats are read
 * into the same words, so that one script serves each.
 */
export interface AskedCall {
  id: string
  tool: string
  input: unknown
}

export type AskedMessage =
  | { role: 'user'; text: string }
  | { role: 'agent'; text: string; calls: AskedCall[] }
  | { role: 'tool'; call: string; tool: string; text: string; isError: boolean }

export interface Ask {
  wire: 'anthropic' | 'openai' | 'gemini'
  model: string
  system: string
  messages: AskedMessage[]
  tools: string[]
  /** Of all requests that were understood, from 1. */
  number: number
  /** The body, as it was parsed. */
  body: Record<string, unknown>
}

export interface Says {
  think?: string
  say?: string
  calls?: readonly { tool: string; input: Record<string, unknown> | string; id?: string }[]
  /** Where it does not follow from the calls. */
  stop?: 'done' | 'tools' | 'length' | 'refused'
  outputTokens?: number
  /** Before each event of the stream. */
  slowMs?: number
}

/** An error of the provider instead of an answer; or an answer that breaks after so many events of its stream. */
export type Fails =
  | { fault: 'overloaded' | 'server-error' | 'budget' | 'bad-key' | 'too-long' }
  | { fault: 'rate-limited'; retryAfterSeconds?: number }
  | { fault: 'cut' | 'malformed' | 'error-event' | 'silent' | 'ends-early'; after: number; answer: Says }

export type Script = (ask: Ask) => Says | Fails | Promise<Says | Fails>

/** What the tools answered last, newest first. */
export function answers(ask: Ask): Extract<AskedMessage, { role: 'tool' }>[] {
  return ask.messages.filter(message => message.role === 'tool').reverse()
}

/** How many answers the model has given in this conversation. */
export function turnsOf(ask: Ask): number {
  return ask.messages.filter(message => message.role === 'agent').length
}

/** One answer after the other, chosen by how many were given before; the last one again and again. */
export function inOrder(...replies: (Says | Fails | ((ask: Ask) => Says | Fails))[]): Script {
  return ask => {
    const reply = replies[Math.min(turnsOf(ask), replies.length - 1)]!
    return typeof reply === 'function' ? reply(ask) : reply
  }
}
