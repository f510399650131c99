import { said } from '../said.ts'

/** What was said last, above the tabs. */
export function SaidBar() {
  const now = said.value
  return (
    <div class="said" role="status">
      {now && (
        <p>
          <b>{now.title}</b> {now.detail}
        </p>
      )}
    </div>
  )
}
