/** The hub's module of the database: its tables and all its procedures by name. This folder is the only SQL of the hub. */
import type { DeviceId, OrgId, ProjectId, RunId, UserId } from '@meshbook/core/ids.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { acrossOrgs as beyond, inOrg } from '@meshbook/relay/sql/org-scope.ts'
import type { Procedure, Tx } from '@meshbook/relay/sql/tx.ts'
import * as accounts from './accounts.ts'
import { callsAcrossOrgs, callsWithoutOrg } from './across-orgs.ts'
import * as activity from './activity.ts'
import * as restore from './after-restore.ts'
import { appendWorkflowAtOnce, appendWorkflowsTogether } from './append-workflow-at-once.ts'
import * as references from './asset-references.ts'
import * as assets from './assets.ts'
import * as audit from './audit.ts'
import * as browsers from './browser-sessions.ts'
import * as deliveries from './deliveries.ts'
import * as grants from './device-grants.ts'
import * as settings from './device-settings.ts'
import * as deviceTokens from './device-tokens.ts'
import * as failover from './failover-plan.ts'
import * as gates from './gates.ts'
import * as heads from './heads.ts'
import * as hooks from './hooks.ts'
import * as identity from './identity.ts'
import * as imports from './import-run.ts'
import * as invitations from './invitations.ts'
import * as keys from './keys.ts'
import * as left from './left-heads.ts'
import * as lost from './lost-runs.ts'
import * as mailCodes from './mail-codes.ts'
import * as members from './members.ts'
import * as models from './model-calls.ts'
import * as months from './month-budgets.ts'
import * as moves from './moves.ts'
import * as news from './news.ts'
import * as notices from './notices.ts'
import * as notify from './notify-settings.ts'
import * as orders from './orders.ts'
import * as ownerKeys from './owner-keys.ts'
import * as pairings from './pairings.ts'
import * as passkeys from './passkeys.ts'
import * as people from './people.ts'
import * as places from './places.ts'
import { planNotices } from './plan-notices.ts'
import * as presence from './presence.ts'
import * as projects from './projects.ts'
import * as publications from './publications.ts'
import * as repeat from './repeat-run.ts'
import * as restoring from './restoring.ts'
import * as asks from './run-asks.ts'
import * as log from './run-log.ts'
import * as queue from './run-queue.ts'
import * as retention from './run-retention.ts'
import * as rows from './run-rows.ts'
import * as policies from './session-policy.ts'
import * as attempts from './sign-in-attempts.ts'
import * as parts from './snapshot-parts.ts'
import * as snapshots from './snapshots.ts'
import * as statements from './statements.ts'
import { submitRun } from './submit-run.ts'
import { takeWorkflowsTogether } from './take-workflows-together.ts'
import * as taskCells from './task-cells.ts'
import * as tasks from './tasks.ts'
import * as toldByWorkflows from './tell-workflows.ts'
import * as ways from './ways.ts'
import * as workers from './workers.ts'
import * as workflowInbox from './workflow-inbox.ts'
import * as workflowPlaces from './workflow-places.ts'
import * as workflows from './workflow-runs.ts'
import * as triggers from './workflow-triggers.ts'

export { schema } from './schema.ts'

const { noting, notingIn, notingTogether } = news
const aboutRun = (run: { id: RunId } | null): news.Subject[] => (run ? [`run ${run.id}`] : [])
const aboutSessions = (changed: boolean): news.Subject[] => (changed ? ['sessions'] : [])
const aboutDevice = (changed: unknown, { id }: { id: DeviceId }): news.Subject[] => (changed ? [`device ${id}`] : [])
const aboutMember = (change: members.MemberChange | null, a: { org: OrgId; project: ProjectId }): news.News[] =>
  change === null
    ? []
    : [
        { org: a.org, subject: `member ${a.project} ${change.member.user}` },
        { org: change.member.org, subject: `member ${a.project} ${change.member.user}` },
        ...change.ended.flatMap(aboutRun).map(subject => ({ org: a.org, subject })),
      ]
const aboutRevoked = (
  ended: identity.RevokedDevice | null,
  { owner, id }: { owner: OrgId; id: DeviceId },
): news.News[] => {
  if (ended === null) return []
  const doors = [`closed device:${id}`, ...ended.tokens.map(token => `closed token:${token}`)] as news.Subject[]
  const here = [`device ${id}`, 'sessions', ...doors] as news.Subject[]
  return [
    ...here.map(subject => ({ org: owner, subject })),
    ...ended.orgs.flatMap(({ org, runs }) =>
      ['sessions' as const, ...runs.flatMap(aboutRun)].map(subject => ({ org, subject })),
    ),
  ]
}
const aboutEndedWorker = (done: workers.EndedWorker | null, { org }: { org: OrgId }): news.News[] =>
  done?.device ? aboutRevoked(done.ended, { owner: org, id: done.device }) : []
/** A sign-in ends the session that its browser had before, and the oldest of too many (AU30). */
const aboutSignIn = (done: browsers.SignedIn | null): news.News[] =>
  (done?.ended ?? []).map(id => ({ org: done!.user.org, subject: `closed session:${id}` }))
const isAsked = ({ event: { type } }: log.LoggedEvent): boolean => type.startsWith('input-') || type.startsWith('gate-')
const aboutOwnerKeys = (changed: unknown, { user }: { user: UserId }): news.Subject[] =>
  changed ? [`owner-keys ${user}`] : []

const inSessionOrg = (changed: { sessionOrg: OrgId } | null): news.News[] =>
  changed ? [{ org: changed.sessionOrg, subject: 'sessions' }] : []

const plain = {
  firstUser: identity.firstUser,
  addLink: identity.addLink,
  useLink: notingIn(identity.useLink, aboutSignIn),
  findBrowserSession: identity.findBrowserSession,
  addToken: identity.addToken,
  replaceToken: noting(identity.replaceToken, ids => ids.map(id => `closed token:${id}` as const)),
  findToken: identity.findToken,
  listTokens: identity.listTokens,
  deleteToken: noting(identity.deleteToken, (gone, { id }) => (gone ? [`closed token:${id}`] : [])),
  addTicket: identity.addTicket,
  useTicket: identity.useTicket,
  addDevice: noting(identity.addDevice, (_, a) => aboutDevice(true, a)),
  findDevice: identity.findDevice,
  listDevices: identity.listDevices,
  setDevice: noting(settings.setDevice, aboutDevice),
  revokeDevice: notingIn(identity.revokeDevice, aboutRevoked),
  describeDevice: identity.describeDevice,
  sawDevice: identity.sawDevice,

  turnToken: deviceTokens.turnToken,
  ownerKeysFor: ownerKeys.ownerKeysFor,
  putOwnerKey: noting(ownerKeys.putOwnerKey, aboutOwnerKeys),
  setSealKey: ownerKeys.setSealKey,
  wantOwnerKeys: noting(ownerKeys.wantOwnerKeys, aboutOwnerKeys),
  newPairing: pairings.newPairing,
  claimPairing: pairings.claimPairing,
  findPairing: pairings.findPairing,
  findClaim: pairings.findClaim,
  confirmPairing: noting(pairings.confirmPairing, (row, { device }) =>
    row?.state === 'done' && device !== null ? [`device ${device}`] : [],
  ),
  cancelPairing: pairings.cancelPairing,
  takePairedSession: notingIn(pairings.takePairedSession, aboutSignIn),
  newGrant: grants.newGrant,
  findGrant: grants.findGrant,
  decideGrant: noting(grants.decideGrant, (known, { device }) =>
    known && device !== null ? [`device ${device}`] : [],
  ),
  pollGrant: grants.pollGrant,
  takeRedirect: grants.takeRedirect,
  admitGrant: notingIn(grants.admitGrant, (_, { grant, device }) => [{ org: grant.org, subject: `device ${device}` }]),

  ensureProject: projects.ensureProject,
  adoptProject: projects.adoptProject,
  listProjects: projects.listProjects,
  everyProject: projects.everyProject,
  sharedProjects: projects.sharedProjects,
  findProjectNamed: projects.findProjectNamed,
  indexTree: noting(projects.indexTree, (changed, { project }) => (changed ? [`documents ${project}`] : [])),
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
  importRun: noting(imports.importRun, ({ run, moved }) => [...aboutRun(run), ...aboutSessions(moved)]),
  nextPlacement: queue.nextPlacement,
  sessionsWithQueue: queue.sessionsWithQueue,
  leaseRun: noting(queue.leaseRun, leased => (leased ? [...aboutRun(leased.run), ...aboutSessions(leased.moved)] : [])),
  undeliveredOrders: queue.undeliveredOrders,
  setReasons: noting(queue.setReasons, aboutRun),
  leaseOfHolder: queue.leaseOfHolder,
  repeatRun: noting(repeat.repeatRun, ({ run, created }) => (created ? aboutRun(run) : [])),
  expiredRuns: asks.expiredRuns,
  unansweredRuns: asks.unansweredRuns,
  setAside: noting(asks.setAside, aboutRun),
  confirmRun: noting(asks.confirmRun, aboutRun),
  lostRuns: lost.lostRuns,
  interruptLostRun: noting(lost.interruptLostRun, aboutRun),
  lossPlan: lost.lossPlan,
  resumeLostRun: noting(lost.resumeLostRun, leased => (leased ? [...aboutRun(leased.run), 'sessions'] : [])),
  noteAfterwards: notingIn(lost.noteAfterwards, noted =>
    noted ? [{ org: noted.org, subject: `run ${noted.run.id}` }] : [],
  ),
  oldLogs: retention.oldLogs,
  excessLogs: retention.excessLogs,
  expireLog: retention.expireLog,
  retentionOf: retention.retentionOf,
  setRetention: retention.setRetention,
  oldRecords: retention.oldRecords,
  dropRecord: retention.dropRecord,
  findGate: gates.findGate,
  listGates: gates.listGates,
  decideGate: noting(gates.decideGate, ({ run }) => aboutRun({ id: run })),
  overdueGates: gates.overdueGates,
  expireGate: noting(gates.expireGate, gate => aboutRun(gate && { id: gate.run })),
  unreceivedGates: gates.unreceivedGates,
  gatesOfRun: gates.gatesOfRun,
  appendEvents: noting(log.appendEvents, ({ run, seq, appended }, { events }) =>
    run && (seq === appended || hasEnded(run.status) || events.some(isAsked)) ? aboutRun(run) : [],
  ),
  endRun: noting(log.endRun, aboutRun),
  cancelRun: noting(log.cancelRun, outcome => aboutRun('ended' in outcome ? outcome.ended : outcome.asked)),
  waitingInput: log.waitingInput,
  readEvents: log.readEvents,
  showRun: rows.showRun,
  listRuns: rows.listRuns,
  listVisibleRuns: rows.listVisibleRuns,

  orgsServedBy: heads.orgsServedBy,
  splitHeld: heads.splitHeld,
  heldInOrg: heads.heldInOrg,
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
  restartSession: noting(heads.restartSession, ({ cancelled }) => ['sessions', ...cancelled.flatMap(aboutRun)]),

  beginMove: noting(moves.beginMove, move => aboutSessions(move !== null)),
  movesUnderWay: moves.movesUnderWay,
  startSaving: noting(moves.startSaving, move => aboutSessions(move !== null)),
  savedForMove: noting(moves.savedForMove, move => aboutSessions(move !== null)),
  startRestoring: noting(moves.startRestoring, move => aboutSessions(move !== null)),
  commitMove: noting(moves.commitMove, done => aboutSessions(done !== null)),
  failMove: noting(moves.failMove, move => aboutSessions(move !== null)),
  cancelMove: noting(moves.cancelMove, () => ['sessions']),
  untoldMoves: moves.untoldMoves,
  toldMove: moves.toldMove,
  findAsk: moves.findAsk,
  findMove: moves.findMove,
  listMoves: moves.listMoves,
  sweepMoves: moves.sweepMoves,
  findTask: tasks.findTask,
  createTask: noting(tasks.createTask, ({ task }) => aboutRun(task)),
  listTasks: tasks.listTasks,
  tasksToTake: tasks.tasksToTake,
  tasksOfHub: tasks.tasksOfHub,
  tasksThere: tasks.tasksThere,
  takeTask: noting(tasks.takeTask, aboutRun),
  taskOfWorker: tasks.taskOfWorker,
  appendTask: noting(tasks.appendTask, (_, { id }) => [`run ${id}`]),
  loseTaskWorker: noting(tasks.loseTaskWorker, aboutRun),
  holdTask: noting(tasks.holdTask, held => aboutRun(held?.task ?? null)),
  releaseTask: tasks.releaseTask,
  sayToTask: noting(tasks.sayToTask, (_, { id }) => [`run ${id}`]),
  messagesOf: tasks.messagesOf,
  wishOfTask: noting(tasks.wishOfTask, aboutRun),
  answerTask: noting(tasks.answerTask, aboutRun),
  noteTaskBase: tasks.noteTaskBase,
  checkpointAt: tasks.checkpointAt,
  deleteTask: tasks.deleteTask,
  isAssetOfTask: tasks.isAssetOfTask,
  findTaskCell: taskCells.findTaskCell,
  judgeTaskCell: taskCells.judgeTaskCell,
  allowTaskCell: taskCells.allowTaskCell,
  openTaskCells: taskCells.openTaskCells,
  overdueTaskCells: taskCells.overdueTaskCells,
  closeTaskCell: taskCells.closeTaskCell,
  askerOfTask: taskCells.askerOfTask,
  noteTaskReasons: noting(tasks.noteTaskReasons, (_, { id }) => [`run ${id}`]),
  findWorkflowRun: workflows.findWorkflowRun,
  createWorkflowRun: noting(workflows.createWorkflowRun, ({ run, created }) => (created ? aboutRun(run) : [])),
  listWorkflowRuns: workflows.listWorkflowRuns,
  workflowDefinitions: workflows.workflowDefinitions,
  dueWorkflowRuns: workflows.dueWorkflowRuns,
  takeWorkflowRun: noting(workflows.takeWorkflowRun, aboutRun),
  renewWorkflowRuns: workflows.renewWorkflowRuns,
  restWorkflowRun: workflows.restWorkflowRun,
  freeWorkflowRuns: workflows.freeWorkflowRuns,
  appendWorkflow: noting(workflows.appendWorkflow, ({ run }) => aboutRun(run)),
  saveWorkflowCheckpoint: workflows.saveWorkflowCheckpoint,
  workflowCheckpoint: workflows.workflowCheckpoint,
  sendToWorkflow: noting(workflowInbox.sendToWorkflow, (_, { id }) => [`run ${id}`]),
  readWorkflowInbox: workflowInbox.readWorkflowInbox,
  enterWorkflowPlace: workflowPlaces.enterWorkflowPlace,
  tellFromWorkflow: toldByWorkflows.tellFromWorkflow,
  findTrigger: triggers.findTrigger,
  listTriggers: triggers.listTriggers,
  pinTrigger: triggers.pinTrigger,
  turnTrigger: triggers.turnTrigger,
  removeTrigger: triggers.removeTrigger,
  triggerOutcomes: triggers.triggerOutcomes,
  watchesFiles: triggers.watchesFiles,
  keepChanges: triggers.keepChanges,
  dueTriggerEvents: triggers.dueTriggerEvents,
  endedWorkflow: triggers.endedWorkflow,
  fireTrigger: noting(triggers.fireTrigger, done => (done.fired ? done.started.map(id => `run ${id}` as const) : [])),
  noteTriggerOutcome: triggers.noteTriggerOutcome,
  homelessSessions: moves.homelessSessions,
  leftHeads: left.leftHeads,
  askedLeftHead: left.askedLeftHead,
  settleLeftHead: noting(left.settleLeftHead, settled => aboutSessions(settled !== null)),
  keepLateRecords: notingIn(left.keepLateRecords, kept => kept.map(({ org }) => ({ org, subject: 'sessions' }))),
  leftHeadOfAsk: left.leftHeadOfAsk,
  setSessionPolicy: noting(policies.setSessionPolicy, aboutSessions),
  sessionPolicy: policies.sessionPolicy,
  noteSaving: noting(policies.noteSaving, aboutSessions),
  restoreEnded: noting(policies.restoreEnded, ended => aboutSessions(ended !== null)),
  sendElsewhere: noting(policies.sendElsewhere, (session, { id }) => aboutRun(session && { id })),
  failoverPlan: failover.failoverPlan,
  sessionsOn: failover.sessionsOn,
  findRecord: policies.findRecord,

  enterPresence: noting(presence.enterPresence, (_, a) => presence.presenceTold(true, a)),
  renewPresence: noting(presence.renewPresence, presence.presenceTold),
  leavePresence: noting(presence.leavePresence, presence.presenceTold),
  listPresence: presence.listPresence,
  beatHub: presence.beatHub,
  listHubs: presence.listHubs,
  postOrder: noting(orders.postOrder, (posted, { recipient }) => (posted ? [`orders ${recipient}`] : [])),
  takeDeviceOrders: orders.takeDeviceOrders,
  takeHubOrders: orders.takeHubOrders,
  heardNews: presence.heardNews,
  readNews: news.readNews,
  newsOf: news.newsOf,
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

  addUser: people.addUser,
  findUser: people.findUser,
  findPlace: places.findPlace,
  membershipsOf: places.membershipsOf,
  projectsThatMayName: places.projectsThatMayName,
  projectNames: places.projectNames,
  listMembers: members.listMembers,
  addMember: notingIn(members.addMember, aboutMember),
  setRoles: notingIn(members.setRoles, aboutMember),
  inviteMember: members.inviteMember,
  dropInvitation: members.dropInvitation,
  acceptInvitations: members.acceptInvitations,

  noteAudit: audit.noteAudit,
  listAudit: audit.listAudit,
  trimAudit: audit.trimAudit,

  endBrowserSession: noting(browsers.endBrowserSession, (_, { id }) => [`closed session:${id}`]),
  listBrowserSessions: browsers.listBrowserSessions,
  endBrowserSessions: noting(browsers.endBrowserSessions, ids =>
    (ids ?? []).map(id => `closed session:${id}` as const),
  ),
  signInWithIdentity: notingIn(accounts.signInWithIdentity, aboutSignIn),
  linkIdentity: accounts.linkIdentity,
  listIdentities: accounts.listIdentities,
  unlinkIdentity: accounts.unlinkIdentity,
  addInvitation: invitations.addInvitation,
  listInvitations: invitations.listInvitations,
  withdrawInvitation: invitations.withdrawInvitation,
  isInvited: invitations.isInvited,
  beginAttempt: attempts.beginAttempt,
  takeAttempt: attempts.takeAttempt,
  addPasskey: passkeys.addPasskey,
  signUpWithPasskey: notingIn(passkeys.signUpWithPasskey, aboutSignIn),
  findPasskey: passkeys.findPasskey,
  signInWithPasskey: notingIn(passkeys.signInWithPasskey, aboutSignIn),
  listPasskeys: passkeys.listPasskeys,
  renamePasskey: passkeys.renamePasskey,
  removePasskey: passkeys.removePasskey,

  addWorker: workers.addWorker,
  listWorkers: workers.listWorkers,
  ownerOfProject: workers.ownerOfProject,
  workerOfDevice: workers.workerOfDevice,
  admitWorker: notingIn(workers.admitWorker, (admitted, { device }) =>
    admitted ? [{ org: admitted.org, subject: `device ${device}` }] : [],
  ),
  sealKeyOf: workers.sealKeyOf,
  gaveKeys: workers.gaveKeys,
  usedWorkers: workers.usedWorkers,
  idleWorkers: workers.idleWorkers,
  stopWorker: workers.stopWorker,
  endWorker: notingIn(workers.endWorker, aboutEndedWorker),
  computeKeys: restoring.computeKeys,
  restoringOf: restoring.restoringOf,
  ownerKeyIds: restoring.ownerKeyIds,
  putRestoring: restoring.putRestoring,
  dropRestoring: restoring.dropRestoring,

  publishDocument: noting(publications.publishDocument, ({ project }) => [`documents ${project}`]),
  unpublishDocument: noting(publications.unpublishDocument, gone => (gone ? [`documents ${gone.project}`] : [])),
  findPublication: publications.findPublication,
  listPublications: publications.listPublications,
  findPublished: publications.findPublished,
  publishedIn: publications.publishedIn,
  publishedList: publications.publishedList,

  findParts: parts.findParts,
  askParts: parts.askParts,
  beginParts: parts.beginParts,
  finishParts: parts.finishParts,
  sweepParts: parts.sweepParts,
  storeSnapshot: notingIn(snapshots.storeSnapshot, stored => inSessionOrg('created' in stored ? stored : null)),
  listSnapshots: snapshots.listSnapshots,
  findSnapshot: snapshots.findSnapshot,
  useSnapshot: snapshots.useSnapshot,
  nameSnapshot: notingIn(snapshots.nameSnapshot, inSessionOrg),
  deleteSnapshot: notingIn(snapshots.deleteSnapshot, inSessionOrg),
  refuseSnapshot: notingIn(snapshots.refuseSnapshot, inSessionOrg),
  sweepSnapshots: notingIn(snapshots.sweepSnapshots, ({ orgs }) => orgs.map(org => ({ org, subject: 'sessions' }))),

  addHook: hooks.addHook,
  findHook: hooks.findHook,
  listHooks: hooks.listHooks,
  removeHook: hooks.removeHook,
  rotateHook: hooks.rotateHook,
  findHookDelivery: hooks.findHookDelivery,
  noteHookDelivery: hooks.noteHookDelivery,
  turnHook: hooks.turnHook,
  listHookOutcomes: hooks.listHookOutcomes,
  noteHookRefusal: hooks.noteHookRefusal,

  pushKeys: ways.pushKeys,
  isFirstUser: ways.isFirstUser,
  addWay: ways.addWay,
  listWays: ways.listWays,
  removeWay: ways.removeWay,
  wayTarget: ways.wayTarget,
  plainWays: ways.plainWays,
  sealPlainWays: ways.sealPlainWays,
  spendCodeTry: mailCodes.spendCodeTry,
  confirmWay: mailCodes.confirmWay,
  notifySettings: notify.notifySettings,
  setNotifySettings: notify.setNotifySettings,
  setLooking: notify.setLooking,
  dueNotices: notices.dueNotices,
  planNotices,
  sweepNotices: notices.sweepNotices,
  dueDeliveries: deliveries.dueDeliveries,
  claimDelivery: deliveries.claimDelivery,
  settleDelivery: deliveries.settleDelivery,
  makeTest: deliveries.makeTest,
  makeCode: deliveries.makeCode,
  findReceipt: deliveries.findReceipt,
  confirmDelivery: deliveries.confirmDelivery,

  listKeys: keys.listKeys,
  sealedKeys: keys.sealedKeys,
  sampleKeys: keys.sampleKeys,
  dataKey: keys.dataKey,
  putKey: keys.putKey,
  removeKey: keys.removeKey,
  useKey: keys.useKey,
  touchKey: keys.touchKey,
  turnDataKey: keys.turnDataKey,
  underMaster: keys.underMaster,
  sealAgain: keys.sealAgain,

  holdModelCall: models.holdModelCall,
  settleModelCall: models.settleModelCall,
  settleLeftCalls: models.settleLeftCalls,
  modelSpending: models.modelSpending,
  modelUsage: models.modelUsage,
  makeModelKey: models.makeModelKey,
  listModelKeys: models.listModelKeys,
  setMonthBudget: months.setMonthBudget,
  listMonthBudgets: months.listMonthBudgets,
  modelStatement: statements.modelStatement,
  runsByDay: activity.runsByDay,
}

export type AuditedCall = keyof typeof plain

export const withoutOrg: ReadonlySet<string> = new Set(Object.keys(callsWithoutOrg))
export const acrossOrgs: ReadonlySet<string> = new Set(Object.keys(callsAcrossOrgs))

/** A call and the note of it in one transaction (AD2). `org` is that of the call, for its locks. */
async function audited(
  tx: Tx,
  a: { org?: OrgId; call: AuditedCall; args: unknown; note: audit.AuditNote },
): Promise<unknown> {
  const perform = (tx: Tx): Promise<unknown> => (plain[a.call] as Procedure)(tx, a.args as never)
  const result = await (acrossOrgs.has(a.call) ? beyond(tx, perform) : perform(tx))
  if (!changedSomething(result)) return result
  const note = withFound(a.note, result)
  const add = (tx: Tx): Promise<void> => audit.noteAudit(tx, { org: a.note.org, note })
  await (a.note.org === null ? beyond(tx, add) : inOrg(tx, a.note.org, add))
  return result
}

function changedSomething(result: unknown): boolean {
  if (result === null || result === false) return false
  return !(typeof result === 'object' && 'created' in result && result.created === false)
}

/** Who signs in is known only to the call. */
function withFound(note: audit.AuditNote, result: unknown): audit.AuditNote {
  if (note.user !== null || typeof result !== 'object' || result === null || !('user' in result)) return note
  const { org, user, name } = (result as browsers.SignedIn).user
  return { ...note, org, user, name }
}

export const procedures = { ...plain, audited }

/** In place of the above, on PostgreSQL (WQ4). */
export const onPostgres = {
  appendWorkflow: noting(appendWorkflowAtOnce, ({ run }) => aboutRun(run)),
}

/** For calls that wait together, on PostgreSQL (WQ4, WQ10). */
export const together = {
  appendWorkflow: notingTogether(appendWorkflowsTogether, ({ run }) => aboutRun(run)),
  takeWorkflowRun: notingTogether(takeWorkflowsTogether, run => aboutRun(run)),
}

export type HubProcedures = typeof procedures
