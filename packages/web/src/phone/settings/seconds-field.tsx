/** How long a run must take for its end to be told. */
import { secondsOf } from '../../notify/project-kinds.ts'

export function SecondsField({ value, set }: { value: number; set: (seconds: number) => void }) {
  return (
    <label class="row">
      <span class="words">
        Only runs longer than
        <span class="about">Those that you start on a phone are always told.</span>
      </span>
      <input
        class="field number"
        type="number"
        inputmode="numeric"
        min={0}
        max={86_400}
        aria-label="Only runs longer than, in seconds"
        defaultValue={String(value)}
        onChange={event => {
          const seconds = secondsOf(event.currentTarget.value)
          if (seconds === undefined) event.currentTarget.value = String(value)
          else set(seconds)
        }}
      />
      <span class="faint">s</span>
    </label>
  )
}
