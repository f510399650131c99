# Looks after a restored session: makes the mounts that it needs in a mount namespace of its own, starts CRIU, and as
# the first process of the session's pid namespace reaps what is left behind. It ends with the session's root process.
# One program from beginning to end, since programs that are started behind the mounts may find other libraries.
# restore-init.pl ROOT MOUNTS WORK COMMAND...   ROOT 0: the image has a pid namespace of its own.
use strict;
use warnings;

my ($root, $mounts, $work, @command) = @ARGV;
my ($bind, $readonly) = (4096 | 16384, 1);
my $arch = `uname -m`;
chomp $arch;
my $mount = $arch eq 'x86_64' ? 165 : $arch eq 'aarch64' || $arch eq 'riscv64' ? 40 : fail("mounts on $arch are not known");

sub fail {
    my ($why) = @_;
    if (open(my $told, '>', "$work/failed")) { print $told $why; close $told }
    exit 1;
}

sub mounted {
    my ($from, $to, $type, $flags, $data) = @_;
    syscall($mount, $from, $to, $type, $flags, $data) == 0 or fail("$to could not be covered: $!");
}

open(my $list, '<', $mounts) or fail("no list of mounts: $!");
{
    local $/ = "\0\0";
    while (my $line = <$list>) {
        chomp $line;
        my ($kind, @rest) = split /\0/, $line;
        if ($kind eq 'bind') { mounted($rest[0], $rest[1], 'none', $bind, '') }
        elsif ($kind eq 'memory') { mounted('tmpfs', $rest[0], 'tmpfs', 0, 'mode=755,size=16m') }
        elsif ($kind eq 'layer') { mounted('overlay', $rest[1], 'overlay', $readonly, "lowerdir=$rest[0]:$rest[1]") }
        elsif ($kind eq 'folder') { -d $rest[0] or mkdir($rest[0], 0755) or fail("$rest[0]: $!") }
        elsif ($kind eq 'file') { open(my $made, '>', $rest[0]) or fail("$rest[0]: $!"); close $made }
        elsif ($kind eq 'last') { open(my $last, '>', '/proc/sys/kernel/ns_last_pid') or fail("last: $!"); print $last $rest[0]; close $last or fail("last: $!") }
        else { fail("a mount of no kind: $kind") }
    }
}
close $list;

# Whoever asked for it says that it is theirs; if they have ended before that, it is nobody's.
my $waits = 180;
my $criu = fork();
defined $criu or fail("no process: $!");
if ($criu == 0) { exec { $command[0] } @command or exit 127 }

if ($root == 0) {
    waitpid($criu, 0);
    $? == 0 or fail("CRIU ended with status " . ($? >> 8));
    open(my $file, '<', "$work/pidfile") or fail("no number of the first process: $!");
    my $first = <$file> + 0;
    close $file;
    restored();
    for (1 .. $waits * 10) { exit 0 if -e "$work/kept"; select(undef, undef, undef, 0.1) }
    kill 'KILL', $first;
    exit 1;
}

sub restored {
    open(my $told, '>', "$work/restored.new") or exit 1;
    close $told;
    rename("$work/restored.new", "$work/restored");
}

$SIG{INT} = sub { kill 'INT', $root };
$SIG{TERM} = sub { kill 'TERM', $root };
$SIG{HUP} = 'IGNORE';
$SIG{ALRM} = sub { exit 1 unless -e "$work/kept" };
alarm $waits;
while (1) {
    my $ended = waitpid(-1, 0);
    my $how = $?;
    if ($ended == $criu) {
        $how == 0 or fail("CRIU ended with status " . ($how >> 8));
        restored();
    }
    elsif ($ended == $root) { exit($how & 127 ? 128 + ($how & 127) : $how >> 8) }
    elsif ($ended < 0 && !$!{EINTR}) { exit 0 }
}
