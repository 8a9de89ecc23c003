//! The machine: its processes, services, users, disks and rights.

use super::Command;
use crate::Kind;
use crate::place::Where;
use crate::shell::Shell;
use crate::text::{is_known, unknown_parts};

const WHY_MACHINE: &str = "It changes the machine, not the project.";
const WHY_PROCESSES: &str = "It ends processes that are not its own.";
const WHY_DOWN: &str = "It shuts the machine down.";
const WHY_DISK: &str = "It destroys what is on a disk.";
const WHY_CONTAINERS: &str = "It removes containers, images or volumes of everybody on this machine.";

/// Programs that nobody needs for work in a workspace, whatever they are told.
const MACHINE: [&str; 34] = [
    "useradd",
    "userdel",
    "adduser",
    "deluser",
    "groupadd",
    "groupdel",
    "usermod",
    "passwd",
    "chpasswd",
    "visudo",
    "vipw",
    "iptables-restore",
    "setenforce",
    "insmod",
    "rmmod",
    "modprobe",
    "swapoff",
    "swapon",
    "umount",
    "csrutil",
    "spctl",
    "nvram",
    "update-rc.d",
    "chsh",
    "grub-install",
    "update-grub",
    "efibootmgr",
    "setfacl",
    "chattr",
    "timedatectl",
    "hostnamectl",
    "dscl",
    "kextload",
    "tccutil",
];
const DISKS: [&str; 20] = [
    "mkfs",
    "wipefs",
    "fdisk",
    "sfdisk",
    "parted",
    "sgdisk",
    "gdisk",
    "blkdiscard",
    "mkswap",
    "cryptsetup",
    "lvremove",
    "vgremove",
    "pvremove",
    "mdadm",
    "badblocks",
    "hdparm",
    "newfs",
    "format",
    "zpool",
    "nvme",
];
/// Programs that many others run in.
const SHARED: [&str; 16] = [
    "node", "python", "python3", "java", "ruby", "bash", "sh", "zsh", "ssh", "sshd", "docker", "dockerd", "claude",
    "codex", "tmux", "systemd",
];

/// Judges what touches the machine.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) {
    let plain = command.plain();
    let first = plain.first().copied().unwrap_or_default();
    let why = match command.program {
        "shutdown" | "reboot" | "poweroff" | "halt" => Some(WHY_DOWN),
        "init" | "telinit" if matches!(first, "0" | "6" | "1") => Some(WHY_DOWN),
        "systemctl" | "loginctl" => systemctl(&plain),
        "service" | "rc-service" => matches!(plain.get(1), Some(&"stop" | &"disable")).then_some(WHY_MACHINE),
        "launchctl" if matches!(first, "unload" | "remove" | "bootout" | "disable" | "kill") => Some(WHY_MACHINE),
        "crontab" if !command.has_letter('l') => Some("It replaces the jobs that run by the clock."),
        "iptables" | "ip6tables" | "nft" | "ufw" | "firewall-cmd" | "pfctl" => firewall(command),
        "sysctl" if command.has_letter('w') || first.contains('=') => Some(WHY_MACHINE),
        "mount" if !plain.is_empty() => Some(WHY_MACHINE),
        "chmod" => chmod(shell, command, &plain),
        "chown" | "chgrp" => chown(shell, command, &plain),
        "ip" if plain.contains(&"set") && plain.contains(&"down") || plain.contains(&"flush") => Some(WHY_MACHINE),
        "ifconfig" | "ifdown" if command.program == "ifdown" || plain.contains(&"down") => Some(WHY_MACHINE),
        "snap" | "flatpak" if matches!(first, "remove" | "uninstall") => Some("It removes programs from the machine."),
        "kill" => kill(command, &plain),
        "killall" | "pkill" | "skill" | "slay" => pkill(command, &plain),
        "killall5" => Some(WHY_PROCESSES),
        "tmux" | "screen" if plain.iter().any(|word| matches!(*word, "kill-server" | "quit")) => Some(WHY_PROCESSES),
        "docker" | "podman" | "nerdctl" | "docker-compose" => docker(command, &plain),
        "apt" | "apt-get" | "aptitude" | "yum" | "dnf" | "zypper" | "pacman" | "dpkg" | "rpm" | "apk" => {
            packages(command, first)
        }
        "history" if command.has_letter('c') => Some("It removes the traces of what was run."),
        "diskutil" if first.to_lowercase().contains("erase") || first.contains("partition") => Some(WHY_DISK),
        "zfs" | "btrfs" if plain.iter().any(|word| matches!(*word, "destroy" | "delete")) => Some(WHY_DISK),
        "security" if first.starts_with("delete") => Some(WHY_MACHINE),
        "cmd" | "rd" | "rmdir" => windows(command),
        "format" | "nvme" | "zpool"
            if plain.is_empty() || !plain.iter().any(|word| matches!(*word, "destroy" | "format")) =>
        {
            None
        }
        "mdadm" | "hdparm" | "parted" | "fdisk" if command.has(&["-l", "--list", "--detail"]) => None,
        name if DISKS.contains(&name) || name.starts_with("mkfs.") || name.starts_with("newfs_") => {
            return shell.report(Kind::MassDelete, command.argv, WHY_DISK);
        }
        name if MACHINE.contains(&name) => Some(WHY_MACHINE),
        _ => None,
    };
    if let Some(why) = why {
        shell.report(Kind::System, command.argv, why);
    }
}

fn systemctl(plain: &[&str]) -> Option<&'static str> {
    let verb = plain.first()?;
    match *verb {
        "poweroff" | "reboot" | "halt" | "suspend" | "hibernate" | "kexec" | "rescue" | "emergency" => Some(WHY_DOWN),
        "stop" | "disable" | "mask" | "kill" | "isolate" | "set-default" | "terminate-user" => Some(WHY_MACHINE),
        _ => None,
    }
}

fn firewall(command: &Command<'_>) -> Option<&'static str> {
    let args = command.args();
    let only_looks =
        args.is_empty() || command.has(&["-L", "--list", "-S", "status", "list", "-n", "--list-all", "--state"]);
    (!only_looks).then_some(WHY_MACHINE)
}

fn chmod(shell: &Shell<'_>, command: &Command<'_>, plain: &[&str]) -> Option<&'static str> {
    let (mode, targets) = plain.split_first()?;
    let is_recursive = command.has_letter('R') || command.has(&["--recursive"]);
    let outside = targets.iter().any(|target| is_outside(shell, target));
    let opens =
        matches!(*mode, "777" | "0777" | "a+rwx" | "ugo+rwx" | "666" | "000" | "0000" | "a-rwx" | "0" | "u+s" | "4755");
    if (is_recursive && (outside || opens)) || (outside && opens) {
        return Some("It changes the rights of files that are not the project's, or opens them to everybody.");
    }
    None
}

fn chown(shell: &Shell<'_>, command: &Command<'_>, plain: &[&str]) -> Option<&'static str> {
    let is_recursive = command.has_letter('R') || command.has(&["--recursive"]);
    let outside = plain.iter().skip(1).any(|target| is_outside(shell, target));
    (is_recursive && outside).then_some("It changes the owner of files outside the project.")
}

fn is_outside(shell: &Shell<'_>, target: &str) -> bool {
    shell.place.locate(shell.scope.folder.as_deref(), target) == Where::Outside
}

fn kill(command: &Command<'_>, plain: &[&str]) -> Option<&'static str> {
    let args = command.args();
    let everything = args.iter().enumerate().any(|(at, word)| word == "-1" && at > 0)
        || plain.iter().any(|word| matches!(*word, "0" | "1" | "-1"));
    let many = args.iter().any(|word| !is_known(word) && unknown_parts(word).any(is_list_of_processes));
    (everything || many).then_some(WHY_PROCESSES)
}

/// `$(ps aux | awk '{print $2}')` names every process, one with a `grep` in it some.
fn is_list_of_processes(part: &str) -> bool {
    let lists =
        part.contains("ps ") || part.contains("pgrep -u") || part.contains("pgrep .") || part.contains("all processes");
    lists && !part.replace("pgrep", "").contains("grep ") && !part.contains("/")
}

fn pkill(command: &Command<'_>, plain: &[&str]) -> Option<&'static str> {
    let of_user = command.has(&["-u", "-U", "--user", "--euid"]) && plain.len() < 2;
    let everything = plain.iter().any(|word| matches!(*word, "." | "" | ".*" | "*"));
    let hard = command.has(&["-9", "-KILL", "-SIGKILL", "-s"]);
    let shells = !command.has_letter('f')
        && plain.iter().any(|word| matches!(*word, "bash" | "sh" | "zsh" | "sshd" | "systemd" | "init"));
    let shared = shells || !command.has_letter('f') && hard && plain.iter().any(|word| SHARED.contains(word));
    (of_user || everything || shared).then_some(WHY_PROCESSES)
}

fn docker(command: &Command<'_>, plain: &[&str]) -> Option<&'static str> {
    let verbs = |words: &[&str]| plain.windows(words.len()).take(3).any(|window| window == words);
    let composed = command.program == "docker-compose" || verbs(&["compose"]);
    let volumes =
        composed && plain.contains(&"down") && (command.has_letter('v') || command.has(&["--volumes", "--rmi"]));
    let removed_volumes = composed && plain.contains(&"rm") && command.has_letter('v');
    let pruned = verbs(&["system", "prune"])
        || verbs(&["system", "reset"])
        || verbs(&["volume", "prune"])
        || verbs(&["container", "prune"])
        || (verbs(&["image", "prune"]) && (command.has_letter('a') || command.has(&["--all"])));
    let all = command.args().iter().any(|word| {
        !is_known(word)
            && unknown_parts(word).any(|part| {
                !part.contains("filter")
                    && !part.contains("name=")
                    && (part.contains("ps ") || part.contains("images") || part.contains("volume ls"))
            })
    });
    let ends = plain.first().is_some_and(|word| matches!(*word, "rm" | "kill" | "stop" | "rmi"));
    let is_piped = ends && command.args().iter().any(|word| word.contains("$(stdin)"));
    let volume = verbs(&["volume", "rm"])
        || verbs(&["volume", "remove"])
        || verbs(&["swarm", "leave"])
        || verbs(&["stack", "rm"]);
    let exposed = plain.first() == Some(&"run")
        && (command.args().iter().any(|word| word.starts_with("/:/")) || command.has(&["--privileged"]));
    if volumes || removed_volumes || pruned || volume || (ends && all) || is_piped {
        return Some(WHY_CONTAINERS);
    }
    exposed.then_some("It gives a container the whole machine.")
}

fn packages(command: &Command<'_>, first: &str) -> Option<&'static str> {
    let removes = matches!(first, "remove" | "purge" | "erase" | "autoremove" | "del" | "dist-upgrade")
        && !command.has(&["--simulate", "-s"]);
    let by_option = command.has(&["--purge", "--remove", "-e", "--erase"])
        || (command.program == "pacman" && command.args().iter().any(|word| word.starts_with("-R")));
    let removes = if command.program == "apk" { first == "del" } else { removes };
    (removes || by_option).then_some("It removes programs from the machine.")
}

fn windows(command: &Command<'_>) -> Option<&'static str> {
    let words = command.args().join(" ").to_lowercase();
    let deletes = ["rd ", "del ", "rmdir ", "format ", "erase "].iter().any(|word| words.contains(word))
        || command.program == "rd";
    (deletes && (words.contains("/s") || words.contains("format")))
        .then_some("It deletes a folder with everything in it.")
}
