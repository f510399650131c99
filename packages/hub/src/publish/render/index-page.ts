/** The list of what is published of one project (PB19). Pure. */
import { addressOf } from '../page-address.ts'
import { escapeHtml } from './escape.ts'
import { pageOf, type RenderedPage } from './page.ts'

export interface ListedPage {
  owner: string
  projectName: string
  path: string
  indexed: boolean
  changedAt: number
}

export function indexPage(listed: readonly [ListedPage, ...ListedPage[]]): RenderedPage {
  const [{ owner, projectName }] = listed
  const many = listed.length === 1 ? 'One notebook is' : `${listed.length} notebooks are`
  return pageOf({
    title: projectName,
    heading: undefined,
    language: 'en',
    lead: `${many} published here by ${owner}.`,
    by: undefined,
    note: `${owner}/${projectName} · Published with Meshbook`,
    indexed: listed.every(({ indexed }) => indexed),
    outline: [],
    colours: '',
    body: `<ul>\n${listed.map(itemHtml).join('')}</ul>\n`,
  })
}

function itemHtml(page: ListedPage): string {
  const name = page.path.replace(/(?<=[^/])\.md$/, '')
  const when = new Date(page.changedAt).toISOString()
  const time = `<time datetime="${when}">${when.slice(0, 10)}</time>`
  return `<li><a href="${escapeHtml(addressOf(page))}">${escapeHtml(name)}</a> · ${time}</li>\n`
}
