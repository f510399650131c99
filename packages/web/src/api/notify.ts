/** The hub's routes about telling people, typed. */
import {
  type MadeWay,
  type MailOffer,
  madeWaySchema,
  mailOfferSchema,
  type NewWay,
  type NotifySettings,
  notifySettingsSchema,
  type PushKey,
  pushKeySchema,
  type Way,
  type WayTest,
  waySchema,
  wayTestSchema,
} from '@meshbook/core/notify-api.ts'
import * as v from 'valibot'
import { request } from './http.ts'
import { first } from './lists.ts'

const nothing = v.unknown()
export const notifyApi = {
  key: (): Promise<PushKey> => request('GET', '/push/key', pushKeySchema),
  ways: (): Promise<Way[]> => first('/push/ways', waySchema),
  add: (way: NewWay): Promise<MadeWay> => request('POST', '/push/ways', madeWaySchema, { body: way }),
  remove: (id: string) => request('DELETE', `/push/ways/${id}`, nothing),
  test: (id: string): Promise<WayTest> => request('POST', `/push/ways/${id}/test`, wayTestSchema, { body: {} }),
  sendCode: (id: string): Promise<Way> => request('POST', `/push/ways/${id}/code`, waySchema, { body: {} }),
  confirm: (id: string, code: string): Promise<Way> =>
    request('POST', `/push/ways/${id}/confirm`, waySchema, { body: { code } }),
  mail: (): Promise<MailOffer> => request('GET', '/push/mail', mailOfferSchema),
  settings: (): Promise<NotifySettings> => request('GET', '/push/settings', notifySettingsSchema),
  putSettings: (settings: NotifySettings): Promise<NotifySettings> =>
    request('PUT', '/push/settings', notifySettingsSchema, { body: settings }),
  looking: (visible: boolean) => request('POST', '/push/looking', nothing, { body: { visible } }),
}
