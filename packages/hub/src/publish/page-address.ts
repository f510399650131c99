/** Where published pages and what they show stand. Pure. */

interface Named {
  owner: string
  projectName: string
  path: string
}

const segment = (text: string): string => encodeURIComponent(text).replace(/%40/g, '@')

const projectOf = ({ owner, projectName }: Named): string => `/@${segment(owner)}/${segment(projectName)}`

/** A document is found without the ending `.md` too, and that is what is written down. */
export function addressOf(at: Named): string {
  const path = at.path.replace(/(?<=[^/])\.md$/, '')
  return `${projectOf(at)}/${path.split('/').map(segment).join('/')}`
}

export const assetFolderOf = (at: Named): string => `${projectOf(at)}/_assets/`
