/** Who the person is at providers: connect another, disconnect one. */
import type { IdentityInfo, ProviderName, SignInWays } from '@meshbook/core/account-api.ts'
import { accountApi } from '../api/account.ts'
import { ago } from '../notebook/duration.ts'
import { confirmed } from '../shell/ask.ts'
import { type Act, Row, Section } from './account-section.tsx'

interface IdentitiesProps {
  ways: SignInWays
  identities: IdentityInfo[]
  act: Act
}

export function Identities({ ways, identities, act }: IdentitiesProps) {
  if (ways.providers.length === 0 && identities.length === 0) return null
  const connect = async (provider: ProviderName): Promise<void> => location.assign(await accountApi.beginLink(provider))
  const remove = async ({ id, providerName, label }: IdentityInfo): Promise<void> => {
    const text = `${label} will not sign you in any more.`
    if (await confirmed({ title: `Disconnect ${providerName}?`, text, action: 'Disconnect', danger: true }))
      await accountApi.unlink(id)
  }
  return (
    <Section id="identities" title="Connected identities" text="Any of them signs you in to this account.">
      <ul class="account-list">
        {identities.map(identity => (
          <Row
            key={identity.id}
            icon="user"
            title={identity.label}
            note={`${identity.providerName} · last used ${ago(identity.lastUsedAt, Date.now())}`}
          >
            <button
              type="button"
              class="button"
              aria-label={`Disconnect ${identity.providerName}: ${identity.label}`}
              onClick={() => act('It was not disconnected', () => remove(identity))}
            >
              Disconnect
            </button>
          </Row>
        ))}
      </ul>
      <div class="account-actions">
        {ways.providers.map(({ provider, name }) => (
          <button
            key={provider}
            type="button"
            class="button"
            onClick={() => act(`${name} was not connected`, () => connect(provider))}
          >
            Connect {identities.some(known => known.provider === provider) && 'another '}
            {name}
          </button>
        ))}
      </div>
    </Section>
  )
}
