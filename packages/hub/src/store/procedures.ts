/** The hub's module of the database: its tables and all its procedures by name. This folder is the only SQL of the hub. */
import type { OrgId } from '@meshbook/core/ids.ts'
import type { Procedure, Tx } from '@meshbook/relay/sql/tx.ts'
import * as accounts from './accounts.ts'
import * as restore from './after-restore.ts'
import * as references from './asset-references.ts'
import * as assets from './assets.ts'
import * as audit from './audit.ts'
import * as browsers from './browser-sessions.ts'
import * as grants from './device-grants.ts'
import * as settings from './device-settings.ts'
import * as deviceTokens from './device-tokens.ts'
import * as gates from './gates.ts'
import * as heads from './heads.ts'
import * as identity from './identity.ts'
import * as invitations from './invitations.ts'
import * as lost from './lost-runs.ts'
import * as members from './members.ts'
import * as ownerKeys from './owner-keys.ts'
import * as pairings from './pairings.ts'
import * as passkeys from './passkeys.ts'
import * as people from './people.ts'
import * as places from './places.ts'
import * as projects from './projects.ts'
import * as repeat from './repeat-run.ts'
import * as asks from './run-asks.ts'
import * as log from './run-log.ts'
import * as queue from './run-queue.ts'
import * as retention from './run-retention.ts'
import * as rows from './run-rows.ts'
import * as attempts from './sign-in-attempts.ts'

export { schema } from './schema.ts'

const plain = {
  firstUser: identity.firstUser,
  addLink: identity.addLink,
  useLink: identity.useLink,
  findBrowserSession: identity.findBrowserSession,
  addToken: identity.addToken,
  replaceToken: identity.replaceToken,
  findToken: identity.findToken,
  listTokens: identity.listTokens,
  deleteToken: identity.deleteToken,
  addTicket: identity.addTicket,
  useTicket: identity.useTicket,
  addDevice: identity.addDevice,
  findDevice: identity.findDevice,
  listDevices: identity.listDevices,
  setDevice: settings.setDevice,
  revokeDevice: identity.revokeDevice,
  describeDevice: identity.describeDevice,
  sawDevice: identity.sawDevice,

  turnToken: deviceTokens.turnToken,
  ownerKeysFor: ownerKeys.ownerKeysFor,
  putOwnerKey: ownerKeys.putOwnerKey,
  setSealKey: ownerKeys.setSealKey,
  newPairing: pairings.newPairing,
  claimPairing: pairings.claimPairing,
  findPairing: pairings.findPairing,
  findClaim: pairings.findClaim,
  confirmPairing: pairings.confirmPairing,
  cancelPairing: pairings.cancelPairing,
  takePairedSession: pairings.takePairedSession,
  newGrant: grants.newGrant,
  findGrant: grants.findGrant,
  decideGrant: grants.decideGrant,
  pollGrant: grants.pollGrant,
  takeRedirect: grants.takeRedirect,
  admitGrant: grants.admitGrant,

  ensureProject: projects.ensureProject,
  listProjects: projects.listProjects,
  everyProject: projects.everyProject,
  sharedProjects: projects.sharedProjects,
  findProjectNamed: projects.findProjectNamed,
  indexTree: projects.indexTree,
  adoptDocument: projects.adoptDocument,
  findDocument: projects.findDocument,
  findDocumentEver: projects.findDocumentEver,
  findDocumentAt: projects.findDocumentAt,
  listDocuments: projects.listDocuments,
  touchDocuments: projects.touchDocuments,

  createRun: queue.createRun,
  nextPlacement: queue.nextPlacement,
  sessionsWithQueue: queue.sessionsWithQueue,
  leaseRun: queue.leaseRun,
  setReasons: queue.setReasons,
  leaseOfHolder: queue.leaseOfHolder,
  repeatRun: repeat.repeatRun,
  expiredRuns: asks.expiredRuns,
  unansweredRuns: asks.unansweredRuns,
  setAside: asks.setAside,
  confirmRun: asks.confirmRun,
  lostRuns: lost.lostRuns,
  interruptLostRun: lost.interruptLostRun,
  noteAfterwards: lost.noteAfterwards,
  oldLogs: retention.oldLogs,
  excessLogs: retention.excessLogs,
  expireLog: retention.expireLog,
  oldRecords: retention.oldRecords,
  dropRecord: retention.dropRecord,
  findGate: gates.findGate,
  listGates: gates.listGates,
  decideGate: gates.decideGate,
  overdueGates: gates.overdueGates,
  expireGate: gates.expireGate,
  unreceivedGates: gates.unreceivedGates,
  gatesOfRun: gates.gatesOfRun,
  appendEvents: log.appendEvents,
  endRun: log.endRun,
  cancelRun: log.cancelRun,
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
  runtimeUp: heads.runtimeUp,
  runtimeDown: heads.runtimeDown,
  reconcileDevice: heads.reconcileDevice,
  listSessions: heads.listSessions,
  findSession: heads.findSession,
  restartSession: heads.restartSession,

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
  addMember: members.addMember,
  setRoles: members.setRoles,
  inviteMember: members.inviteMember,
  dropInvitation: members.dropInvitation,
  acceptInvitations: members.acceptInvitations,

  noteAudit: audit.noteAudit,
  listAudit: audit.listAudit,
  trimAudit: audit.trimAudit,

  endBrowserSession: browsers.endBrowserSession,
  listBrowserSessions: browsers.listBrowserSessions,
  endBrowserSessions: browsers.endBrowserSessions,
  signInWithIdentity: accounts.signInWithIdentity,
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
  signUpWithPasskey: passkeys.signUpWithPasskey,
  findPasskey: passkeys.findPasskey,
  signInWithPasskey: passkeys.signInWithPasskey,
  listPasskeys: passkeys.listPasskeys,
  renamePasskey: passkeys.renamePasskey,
  removePasskey: passkeys.removePasskey,
}

export type AuditedCall = keyof typeof plain

/** A call and the note of it in one transaction (AD2). `org` is that of the call, for its locks. */
async function audited(
  tx: Tx,
  a: { org?: OrgId; call: AuditedCall; args: unknown; note: audit.AuditNote },
): Promise<unknown> {
  const result: unknown = await (plain[a.call] as Procedure)(tx, a.args as never)
  if (changedSomething(result)) await audit.noteAudit(tx, { org: a.note.org, note: withFound(a.note, result) })
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

export type HubProcedures = typeof procedures
