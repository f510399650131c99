/** What the systems' service managers read: text and nothing else. */

export interface Service {
  /** Node, and the script of the `meshbook` command. */
  node: string
  script: string
  data: string
  log: string
}

export const serviceName = 'meshbook'
export const launchdLabel = 'dev.meshbook.up'

/** Of a systemd user unit: a restart after a crash, never after it was shut out (exit code 3) or asked wrongly (2). */
export function systemdUnit({ node, script, data }: Service): string {
  return `[Unit]
Description=Meshbook: this machine as one of your devices
After=network-online.target

[Service]
Type=exec
ExecStart=${[node, script, 'up', '--data', data].map(systemdWord).join(' ')}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 3
KillMode=mixed
TimeoutStopSec=30
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`
}

/** In double quotes, where `%` and `$` have a meaning of their own. */
function systemdWord(word: string): string {
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`
}

export function launchdPlist({ node, script, data, log }: Service): string {
  const words = [node, script, 'up', '--data', data].map(word => `    <string>${xml(word)}</string>`)
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${launchdLabel}</string>
  <key>ProgramArguments</key>
  <array>
${words.join('\n')}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>StandardErrorPath</key>
  <string>${xml(log)}</string>
</dict>
</plist>
`
}

/** For `schtasks /Create /XML`: at logon of this user, without a time limit, again after a failure. */
export function windowsTask({ node, script, data }: Service, user: string): string {
  const words = [script, 'up', '--data', data].map(word => `"${word}"`).join(' ')
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Meshbook: this machine as one of your devices</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled><UserId>${xml(user)}</UserId></LogonTrigger></Triggers>
  <Principals><Principal id="Author"><UserId>${xml(user)}</UserId><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel></Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author"><Exec><Command>${xml(node)}</Command><Arguments>${xml(words)}</Arguments></Exec></Actions>
</Task>
`
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
