/** The dialog of a question: a name to type, something to choose or to confirm. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type Question, question } from './ask.ts'

export function QuestionDialog({ asked }: { asked: Question }) {
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
