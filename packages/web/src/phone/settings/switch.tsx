/** Something that is on or off, with its words as the target. */
export function Switch({ label, on, set }: { label: string; on: boolean; set: (on: boolean) => void }) {
  return (
    <label class="row">
      <span class="words">{label}</span>
      <input type="checkbox" checked={on} onChange={event => set(event.currentTarget.checked)} />
    </label>
  )
}
