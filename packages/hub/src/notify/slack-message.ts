/** One message for an incoming webhook of Slack, and of those who read the same: Mattermost, Discord with `/slack` (NT35). Pure. */
export interface SlackMessage {
  /** Complete by itself: not everybody reads blocks. */
  text: string
  blocks: { type: 'section'; text: { type: 'mrkdwn'; text: string; verbatim: true } }[]
}

export function slackMessage({ title, text, link }: { title: string; text: string; link: string }): SlackMessage {
  const head = `*${escaped(title.replace(/\s+/g, ' '))}*\n${escaped(text)}`
  const leads = `<${escaped(link)}|Open in Meshbook>`
  return { text: `${head}\n${leads}`, blocks: [section(head), section(leads)] }
}

/** `verbatim`: nothing in it is looked for that could be a link or a name. */
const section = (text: string): SlackMessage['blocks'][number] => ({
  type: 'section',
  text: { type: 'mrkdwn', text, verbatim: true },
})

/** Marks of Slack, and an `@` that calls people where names are looked for: a space of no width parts the two. */
function escaped(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/(?<![\w.])@(?=\w)/g, '@\u200b')
}
