/**
 * What a service worker shows for a push message, whatever came: pure, total, and never nothing, because a push that
 * shows no notification costs the subscription (NT11). It must not import anything: the phone's worker carries it.
 */
export interface ShownNotification {
  title: string
  /** For `showNotification`. */
  options: {
    body: string
    tag: string
    renotify: boolean
    data: {
      id: string
      /** On the app's own origin. */
      url: string
      /** To be sent to `POST /api/v1/push/receipts` once it is shown; empty when there is none. */
      receipt: string
      /** It only says how something went, and asks nothing any more. */
      over: boolean
    }
  }
}

/** `data`: the text of the message, or what was read of it. */
export function notificationOf(data: unknown): ShownNotification {
  let fields: Record<string, unknown>
  try {
    fields = { ...(typeof data === 'string' ? JSON.parse(data) : data) }
  } catch {
    fields = {}
  }
  const { id, kind, title, text, tag, url, receipt } = fields
  const word = (value: unknown) =>
    typeof value === 'string'
      ? value
          .replace(/[^\P{C}\n]+/gu, ' ')
          .trim()
          .slice(0, 400)
      : ''
  const key = word(tag)
  return {
    title: word(title) || 'Something changed in Meshbook',
    options: {
      body: word(text) || 'Open Meshbook to see what.',
      tag: key,
      // What only says how it went replaces quietly what it is about.
      renotify: key !== '' && kind !== 'over',
      data: {
        id: word(id),
        // Printable ASCII that begins with one slash: nothing else is sure to stay on this origin.
        url: typeof url === 'string' && /^\/(?![/\\])[!-~]*$/.test(url) ? url : '/m/',
        receipt: word(receipt),
        over: kind === 'over',
      },
    },
  }
}
