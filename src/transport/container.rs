//! How much memory there is: the container's, or the machine's.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Bytes that this process may use, as far as the system tells: the smallest limit of its control groups, else what the machine
/// has. `None`: nobody says. It is looked up once.
///
/// Sources: the kernel's `admin-guide/cgroup-v2.rst` (`memory.max`), `cgroup-v1/memory.rst` (`memory.limit_in_bytes`), and
/// proc(5).
pub(super) fn memory() -> Option<usize> {
    static FOUND: OnceLock<Option<usize>> = OnceLock::new();
    *FOUND.get_or_init(|| of(Path::new("/proc"), Path::new("/sys/fs/cgroup")))
}

fn of(proc: &Path, cgroups: &Path) -> Option<usize> {
    let machine = machine(&fs::read_to_string(proc.join("meminfo")).ok()?);
    let groups = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| group(line, cgroups)).flatten();
    limits.chain(machine).min()
}

/// `MemTotal`, in kibibytes.
fn machine(meminfo: &str) -> Option<usize> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The limits of a control group and those around it: `0::/path` of version 2, `7:memory:/path` of version 1.
fn group(line: &str, cgroups: &Path) -> Option<Vec<usize>> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (root, file) = match controllers {
        "" => (cgroups.to_owned(), "memory.max"),
        listed if listed.split(',').any(|one| one == "memory") => (cgroups.join("memory"), "memory.limit_in_bytes"),
        _ => return None,
    };
    Some(limits(&root, path.trim_start_matches('/'), file))
}

/// From the root down to the group. Inside a container only the root may be there, which then is the container's own.
fn limits(root: &Path, path: &str, file: &str) -> Vec<usize> {
    let steps = path.split('/').scan(root.to_owned(), |folder: &mut PathBuf, name| {
        folder.push(name);
        Some(folder.clone())
    });
    let folders = std::iter::once(root.to_owned()).chain(steps);
    // No limit is the word `max`, in version 1 a number that no machine has.
    let read = |folder: PathBuf| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok();
    folders.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of 4 MiB with these files.
    fn found(files: &[(&str, &str)]) -> Option<usize> {
        let folder = tempfile::tempdir().unwrap();
        let all = [("proc/meminfo", "MemFree:  1 kB\nMemTotal:        4096 kB\n")];
        for (path, text) in all.iter().chain(files) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        of(&folder.path().join("proc"), &folder.path().join("cgroup"))
    }

    #[test]
    fn without_a_limit_it_is_the_machines() {
        assert_eq!(found(&[]), Some(4 << 20));
        let no_limit = [("proc/self/cgroup", "0::/a\n"), ("cgroup/a/memory.max", "max\n")];
        assert_eq!(found(&no_limit), Some(4 << 20));
        assert_eq!(of(Path::new("/nowhere"), Path::new("/nowhere")), None);
    }

    #[test]
    fn the_smallest_limit_of_all_groups_counts() {
        let outer = [
            ("proc/self/cgroup", "0::/a/b\n"),
            ("cgroup/a/memory.max", "1000\n"),
            ("cgroup/a/b/memory.max", "2000\n"),
        ];
        assert_eq!(found(&outer), Some(1000));
        // A container that sees its own group as the root.
        let root = [("proc/self/cgroup", "0::/../x\n"), ("cgroup/memory.max", "3000\n")];
        assert_eq!(found(&root), Some(3000));
    }

    #[test]
    fn version_1_has_a_hierarchy_for_memory() {
        let limited = [
            ("proc/self/cgroup", "3:cpu,cpuacct:/x\n7:memory:/docker/1\n0::/\n"),
            ("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cgroup/memory/docker/1/memory.limit_in_bytes", "5000\n"),
            ("cgroup/cpu/x/memory.limit_in_bytes", "1\n"),
        ];
        assert_eq!(found(&limited), Some(5000));
        let none = [
            ("proc/self/cgroup", "7:memory:/\n"),
            ("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ];
        assert_eq!(found(&none), Some(4 << 20));
    }
}
