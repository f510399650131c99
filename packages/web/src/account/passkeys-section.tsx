/** The person's passkeys: add, rename, remove. */
import type { PasskeyInfo, SignInWays } from '@meshbook/core/account-api.ts'
import { accountApi } from '../api/account.ts'
import { ago } from '../notebook/duration.ts'
import { ask, confirmed } from '../shell/ask.ts'
import { Icon } from '../shell/icons.tsx'
import { type Act, Row, Section } from './account-section.tsx'
import { addPasskey } from './passkey-calls.ts'

interface PasskeysProps {
  ways: SignInWays
  passkeys: PasskeyInfo[]
  canMake: boolean
  act: Act
}

export function Passkeys({ ways, passkeys, canMake, act }: PasskeysProps) {
  const add = async (): Promise<void> => {
    const name = await ask({ title: 'Add a passkey', label: 'Name', value: 'This device', action: 'Continue' })
    if (name) await addPasskey(name)
  }
  const rename = async ({ id, name }: PasskeyInfo): Promise<void> => {
    const next = await ask({ title: 'Rename passkey', label: 'Name', value: name, action: 'Rename' })
    if (next) await accountApi.renamePasskey(id, next)
  }
  const remove = async ({ id, name }: PasskeyInfo): Promise<void> => {
    const text = 'It will not sign you in any more. Delete it on your device too.'
    if (await confirmed({ title: `Remove ${name}?`, text, action: 'Remove', danger: true }))
      await accountApi.removePasskey(id)
  }
  return (
    <Section
      id="passkeys"
      title="Passkeys"
      text="Sign in with your fingerprint, face or screen lock, without a password."
    >
      <ul class="account-list">
        {passkeys.map(passkey => (
          <Row key={passkey.id} icon="phone" title={passkey.name} note={passkeyNote(passkey)}>
            <button
              type="button"
              class="icon-button"
              aria-label={`Rename ${passkey.name}`}
              onClick={() => act('It was not renamed', () => rename(passkey))}
            >
              <Icon name="pencil" />
            </button>
            <button
              type="button"
              class="icon-button"
              aria-label={`Remove ${passkey.name}`}
              onClick={() => act('It was not removed', () => remove(passkey))}
            >
              <Icon name="trash" />
            </button>
          </Row>
        ))}
      </ul>
      {canMake ? (
        <div class="account-actions">
          <button type="button" class="button" onClick={() => act('No passkey was added', add)}>
            Add a passkey
          </button>
        </div>
      ) : (
        <p class="faint">
          {ways.passkeys.at === null ? (
            'This browser has no passkeys.'
          ) : (
            <>
              Browsers make no passkeys for an address that is a number. Open this page at{' '}
              <a href={`${ways.passkeys.at}/account`}>{ways.passkeys.at.replace(/^\w+:\/\//, '')}</a>.
            </>
          )}
        </p>
      )}
    </Section>
  )
}

function passkeyNote({ domain, synced, createdAt, lastUsedAt }: PasskeyInfo): string {
  const used = lastUsedAt === null ? `added ${ago(createdAt, Date.now())}` : `last used ${ago(lastUsedAt, Date.now())}`
  return `${domain} · ${synced ? 'on all your devices' : 'on one device'} · ${used}`
}
