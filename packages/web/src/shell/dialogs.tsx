/** Questions that stop the user: a name to type, or something to confirm. One at a time; answered by a promise. */
import { signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface Question {
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
const question = signal<Question | undefined>(undefined)

export function ask(options: Omit<Question, 'answer'>): Promise<string | undefined> {
  question.value?.answer(undefined)
  return new Promise(resolve => {
    question.value = { ...options, answer: resolve }
  })
}

export async function confirmed(options: Omit<Question, 'answer' | 'value'>): Promise<boolean> {
  return (await ask(options)) !== undefined
}

export function Dialogs() {
  const asked = question.value
  return asked ? <QuestionDialog key={asked.title} asked={asked} /> : null
}

function QuestionDialog({ asked }: { asked: Question }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const input = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => {
    dialog.current?.showModal()
    input.current?.select()
  }, [])
  const finish = (value: string | undefined) => {
    question.value = undefined
    asked.answer(value)
  }
  const submit = (event: Event) => {
    event.preventDefault()
    if (asked.choices) return finish(String(new FormData(event.currentTarget as HTMLFormElement).get('choice')))
    const value = input.current?.value.trim() ?? ''
    if (asked.value === undefined || value !== '') finish(value)
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="question-title" onClose={() => finish(undefined)}>
      <form class="dialog-body" onSubmit={submit}>
        <h2 id="question-title">{asked.title}</h2>
        {asked.text && <p class="muted">{asked.text}</p>}
        {asked.points && asked.points.length > 0 && (
          <ul class="points muted">
            {asked.points.map(point => (
              <li key={point}>{point}</li>
            ))}
          </ul>
        )}
        {asked.choices && <Choices label={asked.label ?? asked.title} choices={asked.choices} />}
        {asked.value !== undefined && (
          <label>
            {asked.label}
            <input
              ref={input}
              class="field"
              defaultValue={asked.value}
              spellcheck={false}
              autocomplete="off"
              autofocus
            />
            {asked.hint && <span class="faint">{asked.hint}</span>}
          </label>
        )}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={() => finish(undefined)}>
            Cancel
          </button>
          <button type="submit" class={`button ${asked.danger ? 'danger' : 'primary'}`}>
            {asked.action}
          </button>
        </div>
      </form>
    </dialog>
  )
}

function Choices({ label, choices }: { label: string; choices: NonNullable<Question['choices']> }) {
  return (
    <fieldset class="options">
      <legend class="visually-hidden">{label}</legend>
      {choices.map(({ value, label: text, note }, at) => (
        <label key={value} class="option">
          <input type="radio" name="choice" value={value} defaultChecked={at === 0} />
          <span>
            {text}
            {note && <span class="faint"> {note}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  )
}
