/** Light, dark, or as the system. */
import { setTheme, type Theme, theme } from '../../state/theme.ts'

const themes: readonly { value: Theme; name: string }[] = [
  { value: 'system', name: 'As the system' },
  { value: 'light', name: 'Light' },
  { value: 'dark', name: 'Dark' },
]

export function ThemeSection() {
  return (
    <section>
      <h2 id="appearance">Appearance</h2>
      <div class="rows" role="radiogroup" aria-labelledby="appearance">
        {themes.map(({ value, name }) => (
          <label key={value} class="row">
            <span class="words">{name}</span>
            <input type="radio" name="theme" checked={theme.value === value} onChange={() => setTheme(value)} />
          </label>
        ))}
      </div>
    </section>
  )
}
