/** The hub's module of the database: its tables and all its procedures by name. This folder is the only SQL of the hub. */
import type { DeviceId, RunId } from '@meshbook/core/ids.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import * as restore from './after-restore.ts'
import * as references from './asset-references.ts'
import * as assets from './assets.ts'
import * as policies from './device-policies.ts'
import * as heads from './heads.ts'
import * as identity from './identity.ts'
import * as news from './news.ts'
import * as orders from './orders.ts'
import * as presence from './presence.ts'
import * as projects from './projects.ts'
import * as log from './run-log.ts'
import * as queue from './run-queue.ts'
import * as rows from './run-rows.ts'
import { submitRun } from './submit-run.ts'

export { schema } from './schema.ts'

const { noting } = news
const aboutRun = (run: { id: RunId } | null): news.Subject[] => (run ? [`run ${run.id}`] : [])
const aboutSessions = (changed: boolean): news.Subject[] => (changed ? ['sessions'] : [])
const aboutDevice = (changed: unknown, { id }: { id: DeviceId }): news.Subject[] => (changed ? [`device ${id}`] : [])

export const procedures = {
  firstUser: identity.firstUser,
  addLink: identity.addLink,
  useLink: identity.useLink,
  findBrowserSession: identity.findBrowserSession,
  endBrowserSession: noting(identity.endBrowserSession, (_, { id }) => [`closed session:${id}`]),
  addToken: identity.addToken,
  replaceToken: identity.replaceToken,
  findToken: identity.findToken,
  listTokens: identity.listTokens,
  deleteToken: noting(identity.deleteToken, (gone, { id }) => (gone ? [`closed token:${id}`] : [])),
  addTicket: identity.addTicket,
  useTicket: identity.useTicket,
  addDevice: noting(identity.addDevice, (_, a) => aboutDevice(true, a)),
  findDevice: identity.findDevice,
  listDevices: identity.listDevices,
  renameDevice: noting(identity.renameDevice, aboutDevice),
  changePolicy: noting(policies.changePolicy, aboutDevice),
  revokeDevice: noting(identity.revokeDevice, (ended, a) =>
    ended ? [...aboutDevice(true, a), `closed device:${a.id}`, 'sessions', ...ended.flatMap(aboutRun)] : [],
  ),
  describeDevice: identity.describeDevice,
  sawDevice: identity.sawDevice,

  ensureProject: projects.ensureProject,
  listProjects: projects.listProjects,
  everyProject: projects.everyProject,
  indexTree: projects.indexTree,
  adoptDocument: projects.adoptDocument,
  findDocument: projects.findDocument,
  findDocumentEver: projects.findDocumentEver,
  findDocumentAt: projects.findDocumentAt,
  listDocuments: projects.listDocuments,
  touchDocuments: projects.touchDocuments,

  createRun: noting(submitRun, ({ run, created, leased }) => [
    ...(created ? aboutRun(run) : []),
    ...aboutSessions(leased?.moved === true),
  ]),
  nextPlacement: queue.nextPlacement,
  sessionsWithQueue: queue.sessionsWithQueue,
  leaseRun: noting(queue.leaseRun, leased => (leased ? [...aboutRun(leased.run), ...aboutSessions(leased.moved)] : [])),
  setReasons: noting(queue.setReasons, aboutRun),
  leaseOfHolder: queue.leaseOfHolder,
  expiredRuns: queue.expiredRuns,
  appendEvents: noting(log.appendEvents, ({ run, seq, appended }) =>
    run && (seq === appended || hasEnded(run.status) || run.status === 'waiting-for-input') ? aboutRun(run) : [],
  ),
  endRun: noting(log.endRun, aboutRun),
  cancelRun: noting(log.cancelRun, outcome => aboutRun('ended' in outcome ? outcome.ended : outcome.asked)),
  waitingInput: log.waitingInput,
  readEvents: log.readEvents,
  showRun: rows.showRun,
  listRuns: rows.listRuns,

  giveBackHeads: heads.giveBackHeads,
  renewHeads: heads.renewHeads,
  runtimeUp: noting(heads.runtimeUp, aboutSessions),
  runtimeDown: noting(heads.runtimeDown, aboutSessions),
  reconcileDevice: noting(heads.reconcileDevice, ({ ended, headsEnded }) => [
    ...ended.flatMap(aboutRun),
    ...aboutSessions(headsEnded > 0),
  ]),
  listSessions: heads.listSessions,
  findSession: heads.findSession,

  enterPresence: noting(presence.enterPresence, (_, a) => presence.presenceTold(true, a)),
  renewPresence: noting(presence.renewPresence, presence.presenceTold),
  leavePresence: noting(presence.leavePresence, presence.presenceTold),
  listPresence: presence.listPresence,
  beatHub: presence.beatHub,
  listHubs: presence.listHubs,
  postOrder: noting(orders.postOrder, (posted, { recipient }) => (posted ? [`orders ${recipient}`] : [])),
  takeDeviceOrders: orders.takeDeviceOrders,
  takeHubOrders: orders.takeHubOrders,
  readNews: news.readNews,
  newsPosition: news.newsPosition,
  sweepNews: news.sweepNews,

  settleRestore: restore.settleRestore,

  findAsset: assets.findAsset,
  claimAsset: assets.claimAsset,
  beginUpload: assets.beginUpload,
  findUpload: assets.findUpload,
  saveUpload: assets.saveUpload,
  finishUpload: assets.finishUpload,
  dropUpload: assets.dropUpload,
  listAssetUploads: assets.listUploads,
  listRemovals: assets.listRemovals,
  removed: assets.removed,
  listOrgs: references.listOrgs,
  addReferences: references.addReferences,
  unreadDocuments: references.unreadDocuments,
  recordDocument: references.recordDocument,
  readOldRuns: references.readOldRuns,
  recordOldRuns: references.recordOldRuns,
  markAssets: references.markAssets,
  sweepAssets: references.sweepAssets,
}

export type HubProcedures = typeof procedures
