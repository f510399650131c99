/** What a device is used for: its owner's settings (W61). */
import type { DevicePolicy } from '@meshbook/core/device-policy.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { deviceById } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import { policyDialogFor } from './device-dialog-open.ts'
import { policyChange } from './device-words.ts'
import '../styles/pages.css'

export function DevicePolicyDialog() {
  const device = deviceById.value.get(policyDialogFor.value ?? '')
  return device ? <PolicyForm key={device.id} device={device} /> : null
}

const power: readonly [DevicePolicy['battery'], string][] = [
  ['allow', 'Like any other'],
  ['avoid', 'Only if nothing better can'],
  ['never', 'Begin nothing there'],
]
const others: readonly [DevicePolicy['runsOfOthers'], string][] = [
  ['owned', 'In projects of mine'],
  ['allow', 'In every project that it has'],
  ['never', 'Never: only my runs'],
]

const environments: readonly [DevicePolicy['environments'], string][] = [
  ['ask', 'Install when somebody asks'],
  ['automatic', 'Install at once'],
]

function PolicyForm({ device }: { device: DeviceInfo }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [policy, setPolicy] = useState(device.policy)
  const [saving, setSaving] = useState(false)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = () => {
    policyDialogFor.value = undefined
  }
  const set = (change: Partial<DevicePolicy>) => setPolicy({ ...policy, ...change })
  const save = async (event: Event) => {
    event.preventDefault()
    const change = policyChange(device.policy, policy)
    if (Object.keys(change).length === 0) return close()
    setSaving(true)
    try {
      await api.setPolicy(device.id, change)
      notify(`${device.name} is set`, 'It holds for every run from now on; what runs there goes on.')
      close()
    } catch (thrown) {
      report(thrown, 'The settings were not saved')
      setSaving(false)
    }
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="policy-title" onClose={close}>
      <form class="dialog-body policy" onSubmit={event => void save(event)}>
        <h2 id="policy-title">What {device.name} is used for</h2>
        {device.kind === 'phone' && <p class="muted">A phone shows and edits; it never runs code.</p>}
        <Switch
          label="Runs code"
          note="Off: it syncs files and shows notebooks, nothing is executed on it."
          disabled={device.kind === 'phone'}
          on={policy.executes}
          set={executes => set({ executes })}
        />
        <Switch
          label="Always on"
          note="It does not go to sleep, so cells that take long prefer it."
          on={policy.alwaysOn}
          set={alwaysOn => set({ alwaysOn })}
        />
        <Choice label="On battery" options={power} value={policy.battery} set={battery => set({ battery })} />
        <Choice label="On a metered network" options={power} value={policy.metered} set={metered => set({ metered })} />
        <Choice
          label="Runs of other people"
          options={others}
          value={policy.runsOfOthers}
          set={runsOfOthers => set({ runsOfOthers })}
        />
        <Choice
          label="Packages that a lock file asks for"
          options={environments}
          value={policy.environments}
          set={environments => set({ environments })}
        />
        <label>
          Cost an hour
          <input
            class="field"
            type="number"
            min="0"
            max="1000000"
            step="any"
            inputMode="decimal"
            value={policy.costPerHour}
            onInput={event => set({ costPerHour: Math.max(0, event.currentTarget.valueAsNumber || 0) })}
          />
          <span class="faint">In any currency; among devices that fit, the cheaper one is preferred.</span>
        </label>
        <Amount
          label="Memory of a session, in GB"
          note="A session that takes more is ended, and says so. 0: 80 % of the machine."
          value={policy.memoryBytes / 2 ** 30}
          set={gigabytes => set({ memoryBytes: Math.round(gigabytes * 2 ** 30) })}
        />
        <Amount
          label="Minutes of a run"
          note="A run that takes longer is ended. 0: as long as it takes."
          value={policy.runMinutes}
          set={runMinutes => set({ runMinutes })}
        />
        <Amount
          label="Minutes until an unused session ends"
          note="It gives its memory back; its variables are gone. 0: never."
          value={policy.idleMinutes}
          set={idleMinutes => set({ idleMinutes })}
        />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={saving}>
            Save
          </button>
        </div>
      </form>
    </dialog>
  )
}

interface SwitchProps {
  label: string
  note: string
  on: boolean
  disabled?: boolean
  set: (on: boolean) => void
}

function Switch({ label, note, on, disabled = false, set }: SwitchProps) {
  return (
    <label class="option">
      <input type="checkbox" checked={on} disabled={disabled} onChange={event => set(event.currentTarget.checked)} />
      <span>
        {label}
        <span class="faint"> {note}</span>
      </span>
    </label>
  )
}

interface AmountProps {
  label: string
  note: string
  value: number
  set: (value: number) => void
}

function Amount({ label, note, value, set }: AmountProps) {
  return (
    <label>
      {label}
      <input
        class="field"
        type="number"
        min="0"
        max="500000"
        step="any"
        inputMode="decimal"
        value={value}
        onInput={event => set(Math.max(0, event.currentTarget.valueAsNumber || 0))}
      />
      <span class="faint">{note}</span>
    </label>
  )
}

interface ChoiceProps<T extends string> {
  label: string
  options: readonly (readonly [T, string])[]
  value: T
  set: (value: T) => void
}

function Choice<T extends string>({ label, options, value, set }: ChoiceProps<T>) {
  return (
    <label>
      {label}
      <select class="field" value={value} onChange={event => set(event.currentTarget.value as T)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}
