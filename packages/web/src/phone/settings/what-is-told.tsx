/** Which kinds are told, for everything. */
import { type NotifySettings, noticeKinds } from '@meshbook/core/notify-api.ts'
import { isTold, withKind } from '../../notify/project-kinds.ts'
import { noticeWords } from '../../notify/way-words.ts'
import { change } from './change.ts'
import { SecondsField } from './seconds-field.tsx'
import { Switch } from './switch.tsx'

export function WhatIsTold({ settings }: { settings: NotifySettings }) {
  return (
    <section>
      <h2>What you are told</h2>
      <div class="rows">
        {noticeKinds.map(kind => (
          <Switch
            key={kind}
            label={noticeWords[kind]}
            on={isTold(kind, settings)}
            set={on => change(now => withKind(now, kind, on))}
          />
        ))}
        <SecondsField value={settings.afterSeconds} set={afterSeconds => change(now => ({ ...now, afterSeconds }))} />
      </div>
    </section>
  )
}
