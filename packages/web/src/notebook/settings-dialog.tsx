/** The settings that stand in a notebook's front matter (NB41). */

import * as yaml from 'virtual:full-yaml'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { devices } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import { setFrontMatter, type YamlEdit } from './front-matter-edit.ts'
import { type OpenNotebook, useNotebook } from './open-notebook.ts'

interface Settings {
  title: string
  kernel: string
  session: string
  runsOn: string
  requires: string
  stopOnError: boolean
}

export function SettingsDialog() {
  const notebook = useNotebook()
  const dialog = useRef<HTMLDialogElement>(null)
  const [before] = useState(() => settingsOf(notebook))
  const [settings, setSettings] = useState(before)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const set = (change: Partial<Settings>) => setSettings({ ...settings, ...change })
  const close = () => {
    notebook.dialog.value = undefined
    notebook.select(notebook.selected.peek())
  }
  const save = (event: Event) => {
    event.preventDefault()
    if (write(notebook, before, settings)) close()
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="settings-title" onClose={close}>
      <form class="dialog-body" onSubmit={save}>
        <h2 id="settings-title">Settings of the notebook</h2>
        <p class="muted">They stand in the front matter of the file and hold for everybody who opens it.</p>
        <Field label="Title" value={settings.title} set={title => set({ title })} />
        <Field
          label="Kernel"
          hint="The name of a kernelspec or a language, for new cells: python3, ir, julia"
          value={settings.kernel}
          set={kernel => set({ kernel })}
        />
        <Field
          label="Session"
          hint="Notebooks of a project with the same session share their variables"
          value={settings.session}
          set={session => set({ session })}
        />
        <Field
          label="Runs on"
          hint="The name of a device; empty: the router chooses"
          value={settings.runsOn}
          choices={devices.peek().map(({ name }) => name)}
          set={runsOn => set({ runsOn })}
        />
        <Field
          label="Requires"
          hint="What the device must have, with commas: gpu, ram>=16"
          value={settings.requires}
          set={requires => set({ requires })}
        />
        <label class="switch-line">
          <input
            type="checkbox"
            checked={settings.stopOnError}
            onChange={event => set({ stopOnError: event.currentTarget.checked })}
          />
          <span>Stop when a cell fails and many are run</span>
        </label>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            Save
          </button>
        </div>
      </form>
    </dialog>
  )
}

interface FieldProps {
  label: string
  hint?: string
  value: string
  choices?: readonly string[]
  set: (value: string) => void
}

function Field({ label, hint, value, choices, set }: FieldProps) {
  const list = choices && `choices-${label.replaceAll(' ', '-')}`
  return (
    <label>
      {label}
      <input
        class="field"
        value={value}
        list={list}
        spellcheck={false}
        autocomplete="off"
        onInput={event => set(event.currentTarget.value)}
      />
      {choices && (
        <datalist id={list}>
          {choices.map(choice => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
      {hint && <span class="faint">{hint}</span>}
    </label>
  )
}

function settingsOf({ store }: OpenNotebook): Settings {
  const { title, kernelspec, session, runsOn, requires, stopOnError } = store.page.notebook.frontMatter ?? {}
  return {
    title: title ?? '',
    kernel: kernelspec?.name ?? '',
    session: session ?? '',
    runsOn: runsOn ?? '',
    requires: (requires ?? []).join(', '),
    stopOnError: stopOnError ?? true,
  }
}

/** Only what was changed is written. Answers whether that could be done. */
function write({ store }: OpenNotebook, before: Settings, after: Settings): boolean {
  const text = (value: string) => value.trim() || undefined
  const edits: [keyof Settings, YamlEdit][] = [
    ['title', [['title'], text(after.title)]],
    ['kernel', [kernelPath(store.page.text), text(after.kernel)]],
    ['session', [['session'], text(after.session)]],
    ['runsOn', [['meshbook', 'runs-on'], text(after.runsOn)]],
    ['requires', [['meshbook', 'requires'], listOf(after.requires)]],
    ['stopOnError', [['meshbook', 'stop-on-error'], after.stopOnError ? undefined : false]],
  ]
  const changed = edits.filter(([name]) => before[name] !== after[name]).map(([, edit]) => edit)
  try {
    store.write(setFrontMatter(store.page.text, changed, yaml.parseDocument), 'step')
    if (changed.length > 0) notify('Saved in the front matter', 'Undo takes it back.')
    return true
  } catch (thrown) {
    report(thrown, 'The front matter was not changed')
    return false
  }
}

/** Where this file says its kernel: Quarto's `jupyter`, or `kernelspec`, each a name or a record. */
function kernelPath(text: string): string[] {
  const found = /^---[ \t]*\r?\n([\s\S]*?)\r?\n(?:---|\.\.\.)/.exec(text)?.[1] ?? ''
  const document = yaml.parseDocument(found, { logLevel: 'silent' })
  const key = document.has('jupyter') && !document.has('kernelspec') ? ['jupyter'] : ['kernelspec']
  if (typeof document.getIn(key) === 'string') return key
  return document.hasIn([...key, 'kernelspec']) ? [...key, 'kernelspec', 'name'] : [...key, 'name']
}

function listOf(value: string): readonly string[] | undefined {
  const names = value
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  return names.length > 0 ? names : undefined
}
