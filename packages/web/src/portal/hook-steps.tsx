/** A hook that was made: its address, its secret this one time, and what to do with them where it is called (PO17). */
import type { MadeHook } from '@meshbook/core/hooks-api.ts'
import { Copied } from './shown-once.tsx'

export const addressOf = (id: string): string => `${location.origin}/hooks/${id}`

const isOfThisMachine = (host: string): boolean => /^(localhost|127\..*|\[::1\])$/.test(host)

const steps: Record<MadeHook['kind'], readonly string[]> = {
  github: [
    'In the repository on GitHub: Settings → Webhooks → Add webhook.',
    'Payload URL: the address. Content type: application/json. Secret: the secret.',
    'Choose “Let me select individual events”: Issues, and Issue comments. Save.',
    'GitHub sends a ping. It stands below among the deliveries when it came through.',
  ],
  gitlab: [
    'In the project on GitLab: Settings → Webhooks → Add new webhook.',
    'URL: the address. Secret token: the secret.',
    'Trigger: Issues events, and Comments. Save, then press Test.',
    'The test stands below among the deliveries when it came through.',
  ],
  meshbook: [
    'Send POST to the address, with {"prompt": "…"} as JSON.',
    'Sign it: X-Meshbook-Signature: t=<seconds>,v1=<hex>, an HMAC-SHA256 with the secret over the seconds, a dot and the body.',
  ],
}

export function MadeHookSteps({ hook, done }: { hook: MadeHook; done(): void }) {
  return (
    <section class="once" aria-label={`The secret of ${hook.name}`}>
      <p role="status">
        <strong>{hook.name} has a secret.</strong> Copy it now: it is shown this one time.
      </p>
      <Copied label="Address" text={addressOf(hook.id)} />
      <Copied label="Secret" text={hook.secret} />
      <ol class="points steps">
        {steps[hook.kind].map(step => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {hook.kind === 'meshbook' && <Example hook={hook} />}
      {hook.kind !== 'meshbook' && isOfThisMachine(location.hostname) && (
        <p class="notice warn note">
          This address is good on this machine alone. The sender must reach the hub: put the hub’s public address in its
          place.
        </p>
      )}
      <button type="button" class="button" onClick={done}>
        I have it
      </button>
    </section>
  )
}

function Example({ hook }: { hook: MadeHook }) {
  const text = `body='{"prompt": "Mend the failing test"}'
t=$(date +%s)
v1=$(printf '%s.%s' "$t" "$body" | openssl dgst -sha256 -hmac "$SECRET" -hex | sed 's/.* //')
curl -sS ${addressOf(hook.id)} -H "X-Meshbook-Signature: t=$t,v1=$v1" \\
  -H 'content-type: application/json' -d "$body"`
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what is scrolled must be reached by keys.
    <section class="example" tabIndex={0} aria-label="An example for a shell">
      <pre>
        <code>{text}</code>
      </pre>
    </section>
  )
}
