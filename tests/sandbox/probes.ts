/**
 * What code in a worker tries to get out of it, each as a command that the agent's shell runs as the tools' user. A probe
 * prints BREACH where it succeeds. `seen` looks from outside, where the command alone cannot know.
 */
export interface ProbeSite {
  /** A port of the hub's machine on which somebody listens, under each of its addresses. */
  hubPort: number
  hubAddresses: readonly string[]
  /** Files of the host: one that everybody there may read, and one that a breach would make. */
  hostFile: string
  hostMark: string
  /** What is in no place that a worker can read. */
  secrets: readonly string[]
  /** Sockets of another worker of the same machine, as the host names them. */
  otherSockets: string
  /** An abstract socket of the host. */
  abstractSocket: string
  branch: string
}

export interface Probe {
  /** As docs/security.md has it. */
  name: string
  command(site: ProbeSite): string
  /** What it says where the attack was not even tried: then nothing is proved. */
  mustSay?: RegExp
}

const node = '/opt/meshbook/node'
/** Tells whether a TCP connection is made. */
const dial = (host: string, port: number | string): string =>
  `timeout 3 bash -c 'exec 3<>/dev/tcp/${host}/${port}' 2>/dev/null && echo BREACH ${host}`
const say = 'echo tried'
/** A system call by its number on this processor; prints what it returned. */
const call = (x64: number, arm64: number, args: string): string =>
  `perl -e 'my $n = (\`uname -m\` =~ /x86/) ? ${x64} : ${arm64}; my @a = (${args}); my $r = syscall($n, @a); print $r < 0 ? "refused $!\\n" : "BREACH $r\\n"'`
const connectTo = (path: string): string =>
  `${node} -e 'const s=require("net").connect(process.argv[1]);s.on("connect",()=>{console.log("BREACH");process.exit()});s.on("error",e=>{console.log("refused",e.code);process.exit()})' '${path}'`
/** Looks for the words, which it is given so that its own arguments are not them, in all that can be read. */
const searcher = `
const fs = require("fs")
const words = process.argv.slice(1).map(word => Buffer.from(word, "base64"))
let looked = 0
let refused = 0
const look = path => {
  try {
    const text = fs.readFileSync(path)
    looked += 1
    for (const word of words) if (text.includes(word)) console.log("BREACH", path)
  } catch (error) {
    refused += 1
  }
}
const walk = (folder, depth) => {
  let entries = []
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    refused += 1
  }
  for (const entry of entries) {
    const path = folder + "/" + entry.name
    if (entry.isDirectory() && depth < 12) walk(path, depth + 1)
    else if (entry.isFile()) look(path)
  }
}
for (const folder of ["/work", "/tmp", "/run", "/etc", "/var", "/opt/meshbook/packages"]) walk(folder, 0)
for (const pid of fs.readdirSync("/proc")) if (/^[0-9]+$/.test(pid)) for (const file of ["environ", "cmdline"]) look("/proc/" + pid + "/" + file)
console.log("looked at", looked)
`
const others = 'for p in /proc/[0-9]*; do [ -e $p ] && [ "$(stat -c %u $p 2>/dev/null)" != 10002 ] && basename $p; done'

export const probes: readonly Probe[] = [
  {
    name: 'reach the port of the hub',
    command: ({ hubAddresses, hubPort }) => `${hubAddresses.map(host => dial(host, hubPort)).join('; ')}; ${say}`,
  },
  {
    name: 'reach the metadata address of a cloud',
    command: () => `${dial('169.254.169.254', 80)}; ${dial('fd00:ec2::254', 80)}; ${say}`,
  },
  {
    name: 'reach the local network',
    command: () =>
      `grep -vqE '^Iface|\\slo\\s' /proc/net/route && echo BREACH a route; ls /sys/class/net 2>/dev/null | grep -vx lo | sed 's/^/BREACH /'; ${dial('192.168.0.1', 80)}; ${dial('10.0.0.1', 80)}; ${say}`,
  },
  {
    name: 'ask DNS',
    command: () =>
      `timeout 5 getent ahosts example.org | sed 's/^/BREACH /'; ${node} -e 'require("dns").resolve4("example.org",(e,a)=>console.log(e?"refused "+e.code:"BREACH "+a))'`,
    mustSay: /refused/,
  },
  {
    name: 'speak to the machine below, by vsock',
    command: () => call(41, 198, '40, 1, 0'),
    mustSay: /refused/,
  },
  {
    name: 'open a raw or packet socket',
    command: () => `${call(41, 198, '17, 3, 768')}; ${call(41, 198, '2, 3, 1')}`,
    mustSay: /refused/,
  },
  {
    name: 'reach an abstract socket of the host',
    command: ({ abstractSocket }) =>
      `${node} -e 'const s=require("net").connect("\\0"+process.argv[1]);s.on("connect",()=>{console.log("BREACH");process.exit()});s.on("error",e=>{console.log("refused",e.code);process.exit()})' '${abstractSocket}'`,
    mustSay: /refused/,
  },
  {
    name: "open another task's sockets",
    command: ({ otherSockets }) =>
      `ls ${otherSockets} 2>/dev/null && echo BREACH; ${connectTo(`${otherSockets}/runner/channel.sock`)}; ${connectTo(`${otherSockets}/tools/git.sock`)}; find / -xdev -type s 2>/dev/null | grep -vE '^/run/meshbook/tools/(git|packages).sock$' | sed 's/^/BREACH /'; ${say}`,
  },
  {
    name: 'open the channel or the models of its own runner',
    command: () =>
      `${connectTo('/run/meshbook/own/sockets/channel.sock')}; ${connectTo('/run/meshbook/own/sockets/models.sock')}; cat /run/meshbook/own/sockets/token 2>/dev/null && echo BREACH; ls /run/meshbook/own 2>/dev/null | sed 's/^/BREACH /'; ${say}`,
    mustSay: /refused/,
  },
  {
    name: "read the runner's memory, environment or files",
    command: () =>
      `for p in $(${others}); do for f in environ mem maps fd/3 root/etc/hostname; do head -c1 /proc/$p/$f >/dev/null 2>&1 && [ -n "$(head -c1 /proc/$p/$f 2>/dev/null | tr -d '\\0')" ] && echo BREACH $p $f; done; ls /proc/$p/fd >/dev/null 2>&1 && echo BREACH $p fd; done; ${call(310, 270, '1, 0, 0, 0, 0, 0')}`,
    mustSay: /refused/,
  },
  {
    name: 'find a key or a token anywhere',
    command: ({ secrets }) => `${node} -e '${searcher}' ${secrets.map(secret => btoa(secret)).join(' ')}`,
    mustSay: /looked at [1-9]\d\d/,
  },
  {
    name: 'read files of the host',
    command: ({ hostFile }) =>
      `cat ${hostFile} 2>/dev/null && echo BREACH; cat /proc/1/root${hostFile} 2>/dev/null && echo BREACH; cat /etc/shadow 2>/dev/null | grep . && echo BREACH; for d in /root /home; do ls -A $d 2>/dev/null | sed 's/^/BREACH /'; done; ${say}`,
  },
  {
    name: 'find the socket of a container engine',
    command: () =>
      `for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock; do [ -e $s ] && echo BREACH $s; done; ${say}`,
  },
  {
    name: 'trace another process',
    command: () =>
      `for p in 1 $(${others}); do perl -e 'my $n = (\`uname -m\` =~ /x86/) ? 101 : 117; my $r = syscall($n, 16, int($ARGV[0]), 0, 0); print $r < 0 ? "refused $!\\n" : "BREACH $ARGV[0]\\n"' $p; done`,
    mustSay: /refused/,
  },
  {
    name: 'mount something',
    command: () =>
      `mount -t tmpfs none /mnt 2>/dev/null && echo BREACH; mkdir -p /tmp/m && mount -t proc none /tmp/m 2>/dev/null && echo BREACH; ${call(165, 40, '"none", "/tmp/m", "tmpfs", 0, 0')}; ${call(430, 430, '"tmpfs", 0')}`,
    mustSay: /refused/,
  },
  {
    name: 'make a user namespace',
    command: () =>
      `unshare --user true 2>/dev/null && echo BREACH; unshare --user --map-root-user --mount true 2>/dev/null && echo BREACH; ${call(272, 97, '0x10000000')}`,
    mustSay: /refused/,
  },
  {
    name: 'enter a namespace of another process',
    command: () => `nsenter -t 1 -m -n -p true 2>/dev/null && echo BREACH; ${say}`,
  },
  {
    name: 'gain rights by a program',
    command: () =>
      `find / -xdev -perm /6000 -type f 2>/dev/null | while read f; do case $f in */su|*/sudo) timeout 2 $f -c id 2>/dev/null </dev/null | grep -q uid=0 && echo BREACH $f;; esac; done; grep -E '^(CapEff|CapPrm|CapBnd|CapAmb):' /proc/self/status | grep -v 0000000000000000 | sed 's/^/BREACH /'; grep -q '^NoNewPrivs:\\s*1' /proc/self/status || echo BREACH privileges; [ "$(id -u)" = 10002 ] || echo BREACH uid; ${say}`,
  },
  {
    name: 'write to the system or the kernel',
    command: () =>
      `for f in /etc/passwd /usr/bin/x /opt/meshbook/x /opt/meshbook/packages/cli/src/main.ts /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/fs/cgroup/x /sys/kernel/uevent_helper /run/meshbook/tools/x; do (echo x > $f) 2>/dev/null && echo BREACH $f; done; head -c1 /dev/mem /dev/sda /dev/vda /dev/kmsg 2>/dev/null | grep -q . && echo BREACH device; mknod /tmp/d b 254 0 2>/dev/null && echo BREACH mknod; ${say}`,
  },
  {
    name: 'use parts of the kernel that let sandboxes down',
    command: () =>
      `${call(321, 280, '0, 0, 0')}; ${call(250, 219, '0, 0, 0, 0, 0')}; ${call(298, 241, '0, 0, 0, 0, 0')}; ${call(175, 105, '0, 0, 0')}; ${call(246, 104, '0, 0, 0, 0')}`,
    mustSay: /refused/,
  },
  {
    name: 'push to another ref',
    command: ({ branch }) =>
      `git commit -q --allow-empty -m mine; for ref in refs/heads/main refs/heads/meshbook/another-task/work refs/tags/x refs/meshbook/base; do git push -q origin HEAD:$ref 2>/dev/null && echo BREACH $ref; done; git push -q origin :refs/heads/main 2>/dev/null && echo BREACH deleted; git push origin HEAD:refs/heads/main 2>&1 | grep -E 'rejected|refused|denied'; git rev-parse --abbrev-ref HEAD | grep -qx ${branch} || echo BREACH branch`,
    mustSay: /rejected|refused|denied/,
  },
  {
    name: 'force a push, in its own task or outside of it',
    command: ({ branch }) =>
      `git checkout -q --orphan other; git commit -q --allow-empty -m other; for ref in refs/heads/main refs/heads/meshbook/another-task/work refs/heads/${branch}; do git push -f origin HEAD:$ref 2>&1 | tee /tmp/said | grep -E 'rejected|refused|denied' || echo BREACH "$(tail -2 /tmp/said)"; done; git checkout -qf ${branch}`,
    mustSay: /rejected|refused|denied/,
  },
  {
    name: 'reach a host that is not allowed, by the proxy',
    command: ({ hubAddresses, hubPort }) =>
      `${node} -e 'const p=new URL(process.env.HTTPS_PROXY);for(const h of process.argv.slice(1)){const r=require("http").request({host:p.hostname,port:p.port,method:"CONNECT",path:h});r.on("connect",x=>console.log(x.statusCode===200?"BREACH "+h:"refused "+x.statusCode));r.on("error",()=>console.log("refused"));r.end()}' example.org:443 169.254.169.254:80 ${hubAddresses.map(host => `${host}:${hubPort}`).join(' ')}`,
    mustSay: /refused 403/,
  },
  {
    name: 'spend money without the agent',
    command: () =>
      `${node} -e 'const r=require("http").request({socketPath:"/run/meshbook/own/sockets/models.sock",path:"/v1/messages",method:"POST"});r.on("response",x=>console.log("BREACH",x.statusCode));r.on("error",e=>console.log("refused",e.code));r.end("{}")'`,
    mustSay: /refused/,
  },
  {
    name: 'have the host run or read something, by links and settings of the repository',
    command: ({ hostFile, hostMark }) =>
      `ln -sf ${hostFile} stolen; ln -sfn / all; git config core.fsmonitor 'touch ${hostMark}'; git config filter.x.clean 'touch ${hostMark}'; git config diff.x.textconv 'touch ${hostMark}'; echo '* filter=x diff=x' > .gitattributes; printf '#!/bin/sh\\ntouch ${hostMark}\\n' > .git/hooks/pre-commit; cp .git/hooks/pre-commit .git/hooks/pre-push; cp .git/hooks/pre-commit .git/hooks/post-checkout; chmod +x .git/hooks/*; ${say}`,
  },
]

/** What would wear the machine down. After each the agent goes on, and so does the machine. */
export const exhaustions: readonly Probe[] = [
  {
    name: 'kill the runner',
    command: () =>
      `for p in $(${others}); do kill -9 $p 2>/dev/null && echo BREACH $p; done; kill -9 1 2>/dev/null; (sleep 0.2; kill -9 -1) & ${say}; sleep 2`,
    mustSay: /tried|begun again/,
  },
  {
    name: 'a fork bomb',
    command: () => `f() { f | f & }; f 2>/dev/null; sleep 3; ${say}`,
    mustSay: /tried|ended after|Resource temporarily unavailable|begun again/,
  },
  {
    name: 'more processes than there may be',
    command: () =>
      `for i in $(seq 1 2000); do sleep 20 2>/dev/null & done 2>/dev/null; n=$(ls -d /proc/[0-9]* | wc -l); [ $n -lt 600 ] || echo BREACH $n; ${say}`,
    mustSay: /tried|Resource temporarily unavailable|\[exit code 254\]/,
  },
  {
    name: 'more memory than there may be',
    command: () => `perl -e 'my @a; push @a, "x" x 50_000_000 while 1'; echo "ended $?"; ${say}`,
    mustSay: /ended \d+|ended by|begun again/,
  },
  {
    name: 'more memory by files that are none',
    command: () =>
      `head -c 3G /dev/zero > /dev/shm/a 2>/dev/null; head -c 3G /dev/zero > /run/a 2>/dev/null; du -sm /dev/shm /run 2>/dev/null | awk '$1 > 200 {print "BREACH", $0}'; rm -f /dev/shm/a; ${say}`,
  },
  {
    name: 'more disk than there may be',
    command: () =>
      `for d in /work/home /tmp /work/repo; do head -c 3G /dev/zero > $d/big 2>/dev/null && echo BREACH $d; done; df -m /work/repo | tail -1; rm -f /work/home/big /tmp/big /work/repo/big; ${say}`,
  },
]
