/** One of a few, all of them in sight. */
interface SegmentsProps<T> {
  label: string
  name: string
  value: T
  of: readonly (readonly [T, string])[]
  set(value: T): void
}

export function Segments<T extends string | number>({ label, name, value, of, set }: SegmentsProps<T>) {
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">{label}</legend>
      {of.map(([one, words]) => (
        <label key={one}>
          <input type="radio" name={name} checked={one === value} onChange={() => set(one)} />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  )
}
