/** The page of everything that is not published: always the same bytes, so that it tells nothing (PB11). */
import { pageOf, type RenderedPage } from './render/page.ts'

export function nothingHere(): RenderedPage {
  return page
}

const page = pageOf({
  title: 'There is nothing here',
  heading: undefined,
  language: 'en',
  lead: 'No document is published at this address. It may have been taken back, or moved, or never been here.',
  by: undefined,
  note: undefined,
  indexed: false,
  outline: [],
  colours: '',
  body: '',
})
