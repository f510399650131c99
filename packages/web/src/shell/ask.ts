/** Questions that stop the user: a name to type, or something to confirm. One at a time; answered by a promise. */
import { signal } from '@preact/signals'

export interface Question {
  title: string
  text?: string
  /** What is lost, or else to be known, a point each. */
  points?: readonly string[]
  /** Present: a text is asked for, with this start value. */
  value?: string
  /** Present: one of these is chosen, the first unless another is; the answer is its value. */
  choices?: readonly { value: string; label: string; note?: string }[]
  label?: string
  hint?: string
  action: string
  danger?: boolean
  answer(value: string | undefined): void
}
/** The one that is asked now. */
export const question = signal<Question | undefined>(undefined)

export function ask(options: Omit<Question, 'answer'>): Promise<string | undefined> {
  question.value?.answer(undefined)
  return new Promise(resolve => {
    question.value = { ...options, answer: resolve }
  })
}

export async function confirmed(options: Omit<Question, 'answer' | 'value'>): Promise<boolean> {
  return (await ask(options)) !== undefined
}

/** It cannot be asked: the answer is no. */
export function dropQuestion(): void {
  question.peek()?.answer(undefined)
  question.value = undefined
}
