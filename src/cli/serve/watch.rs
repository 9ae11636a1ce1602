//! `--watch`: a change of what was loaded reloads it.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use descant_descriptors::SchemaBuilder;
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{ModifyKind, RemoveKind},
};

use super::{Failure, Kind, reload::Reloader};
use crate::cli::sources::shown;

/// Programs write files in several steps: a reload waits until nothing has changed for this long.
const QUIET: Duration = Duration::from_millis(200);
/// But for no longer than this: something may always be written.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// More links on one way lead nowhere.
const MOST_LINKS: usize = 40;

/// Kubernetes replaces what it mounts by turning a link of this name around.
const MOUNT: &str = "..data";

/// How often it is looked again at what is to be watched, if it changed meanwhile.
const LOOKS: usize = 4;

/// What is watched, as long as this is there.
#[derive(Debug)]
pub(super) struct Watching {
    watcher: RecommendedWatcher,
    targets: Arc<Mutex<Watched>>,
    /// What cannot be watched, which has been told.
    blind: BTreeSet<PathBuf>,
}

impl Watching {
    /// Watches these in the place of what was watched. Folders of before as well: one that was made anew is another folder.
    pub(super) fn follow(&mut self, paths: &[PathBuf]) {
        let mut next = Watched::of(paths);
        for _ in 0..LOOKS {
            let before = std::mem::replace(&mut *self.targets(), next.clone());
            let gone = before
                .folders()
                .filter(|(folder, mode, _)| next.folders().all(|(new, now, _)| (new, now) != (*folder, *mode)));
            for (folder, ..) in gone {
                // One that is no more is watched no more.
                let _ = self.watcher.unwatch(folder);
            }
            self.watch(&next);
            // What came to be before it was watched rang no bell.
            let again = Watched::of(paths);
            if again == next {
                break;
            }
            next = again;
        }
    }

    fn watch(&mut self, next: &Watched) {
        let mut blind = BTreeSet::new();
        for (folder, mode, is_needed) in next.folders() {
            if let Err(error) = self.watcher.watch(folder, mode)
                && is_needed
            {
                if !self.blind.contains(folder) {
                    tracing::warn!(
                        "--watch cannot watch {}: {error}; SIGHUP reloads by hand",
                        shown(folder)
                    );
                }
                blind.insert(folder.to_owned());
            }
        }
        self.blind = blind;
    }

    fn targets(&self) -> MutexGuard<'_, Watched> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is anything to watch.
pub(super) fn check(paths: &[PathBuf], is_demo: bool) -> Result<(), Failure> {
    if !paths.is_empty() {
        return Ok(());
    }
    let (what, mend) = if is_demo {
        (
            "--watch: the demo API is part of the program and does not change",
            "name a PATH to watch, or leave --watch out",
        )
    } else {
        (
            "--watch: no file is named that could change, and the server behind is asked again in any case",
            "leave --watch out; --schema-interval says how often that server is asked",
        )
    };
    Err(Failure::new(Kind::Usage, what, mend))
}

/// Watches until it is dropped.
pub(super) fn start(paths: &[PathBuf], reloader: &Arc<Reloader>) -> Result<Watching, Failure> {
    let first = Watched::of(paths);
    let targets = Arc::new(Mutex::new(first.clone()));
    let (bell, rung) = mpsc::channel();
    let filter = Arc::clone(&targets);
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
        Ok(event) => {
            let filter = filter.lock().unwrap_or_else(PoisonError::into_inner);
            if filter.concerns(&event) {
                // It fails once nobody reloads any more.
                let _ = bell.send(());
            }
        }
        Err(error) => tracing::warn!("--watch missed a change: {error}; SIGHUP reloads by hand"),
    });
    let mut watcher = watcher.map_err(|error| refused(Path::new("files"), &error))?;
    for (folder, mode, is_needed) in first.folders() {
        match watcher.watch(folder, mode) {
            Err(error) if is_needed => return Err(refused(folder, &error)),
            _ => {}
        }
    }
    let reloader = Arc::clone(reloader);
    thread::spawn(move || {
        while rung.recv().is_ok() {
            settle(&rung, LONGEST_WAIT);
            // How it went is in the log.
            let _ = reloader.reload();
        }
    });
    Ok(Watching {
        watcher,
        targets,
        blind: BTreeSet::new(),
    })
}

/// Waits until nothing has changed for a while, at most for so long.
#[allow(clippy::disallowed_types)] // On a thread of its own.
fn settle(rung: &mpsc::Receiver<()>, longest: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < longest && rung.recv_timeout(QUIET).is_ok() {}
}

/// What is watched: folders with all that is in them, and names by way of the folders that they stand in, since a file that is replaced is
/// another file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Watched {
    folders: BTreeSet<PathBuf>,
    /// Of files, of folders, of the links that lead there, and of what is not there yet.
    names: BTreeSet<PathBuf>,
    /// Folders with names of files in them, and of what is not there yet: without these nothing is noticed.
    needed: BTreeSet<PathBuf>,
}

impl Watched {
    fn of(paths: &[PathBuf]) -> Self {
        let mut watched = Self::default();
        for path in paths {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            watched.name(&absolute, MOST_LINKS);
            if path.is_dir() {
                watched.folders.insert(path.canonicalize().unwrap_or(absolute));
            }
        }
        watched
    }

    /// Names that decide what is found on this way: its end, each link, and the first part that is not there.
    fn name(&mut self, way: &Path, links: usize) {
        let mut found = PathBuf::new();
        let mut parts = way.components();
        while let Some(part) = parts.next() {
            if part == Component::ParentDir {
                found.pop();
                continue;
            }
            let around = found.clone();
            found.push(part);
            let rest = parts.as_path();
            let is_last = rest.as_os_str().is_empty();
            let is_file = match found.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    // Links in the root are the system's.
                    if is_last || around.parent().is_some() {
                        self.names.insert(found.clone());
                    }
                    if is_last && !found.is_dir() {
                        self.needed.insert(around.clone());
                    }
                    if let (Ok(target), true) = (found.read_link(), links > 0) {
                        self.name(&around.join(target).join(rest), links - 1);
                    }
                    return;
                }
                Ok(metadata) if is_last => !metadata.is_dir(),
                Ok(_) => continue,
                Err(_) => true,
            };
            self.names.insert(found);
            if is_file {
                self.needed.insert(around);
            }
            return;
        }
    }

    /// Each folder, how it is watched, and whether it has to be. One inside another that is watched whole is watched with it.
    fn folders(&self) -> impl Iterator<Item = (&Path, RecursiveMode, bool)> {
        let whole = self.folders.iter().map(PathBuf::as_path);
        let around: BTreeSet<_> = self.names.iter().filter_map(|name| name.parent()).collect();
        let is_inside = |folder: &&Path| self.folders.iter().any(|whole| folder.starts_with(whole));
        let around = around.into_iter().filter(move |folder| !is_inside(folder));
        whole
            .map(|folder| (folder, RecursiveMode::Recursive, true))
            .chain(around.map(|folder| (folder, RecursiveMode::NonRecursive, self.needed.contains(folder))))
    }

    fn concerns(&self, event: &Event) -> bool {
        let is_change = !matches!(event.kind, EventKind::Access(_));
        // Some were lost.
        event.need_rescan() || is_change && event.paths.iter().any(|path| self.holds(path, event.kind))
    }

    fn holds(&self, path: &Path, kind: EventKind) -> bool {
        let is_mount = path.file_name() == Some(OsStr::new(MOUNT));
        // A folder around a file that was moved away: another may have its place.
        let is_lost = || may_be_gone(kind) && self.names.iter().any(|name| name.parent() == Some(path));
        self.names.contains(path)
            || self.folders.iter().any(|folder| {
                path.strip_prefix(folder)
                    .is_ok_and(|inside| is_loaded(inside) && (is_mount || is_source_or_folder(path, kind)))
            })
            || (is_mount && self.names.iter().any(|name| name.parent() == path.parent()))
            || is_lost()
    }
}

/// Whether nothing on this way below a folder is hidden, which loading leaves out.
fn is_loaded(inside: &Path) -> bool {
    inside
        .iter()
        .all(|name| name == MOUNT || !name.as_encoded_bytes().starts_with(b"."))
}

/// Whether this is of a file that a folder is loaded for, or of a folder. Anything else may lie there too: the log of the server, for one.
fn is_source_or_folder(path: &Path, kind: EventKind) -> bool {
    SchemaBuilder::takes_from_folder(path) || path.is_dir() || may_be_gone(kind) && !path.exists()
}

/// Whether a folder may have been removed, or moved.
fn may_be_gone(kind: EventKind) -> bool {
    match kind {
        EventKind::Remove(kind) => kind != RemoveKind::File,
        EventKind::Modify(kind) => matches!(kind, ModifyKind::Name(_)),
        _ => false,
    }
}

fn refused(folder: &Path, error: &notify::Error) -> Failure {
    Failure::new(
        Kind::Other,
        format!("--watch cannot watch {}: {error}", shown(folder)),
        "leave --watch out, and reload with SIGHUP or POST /reload",
    )
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, RenameMode};

    use super::*;

    fn event(kind: EventKind, path: PathBuf) -> Event {
        Event::new(kind).add_path(path)
    }

    #[test]
    fn files_are_watched_by_name_and_folders_whole() {
        let here = PathBuf::from(".").canonicalize().unwrap();
        let watched = Watched::of(&["Cargo.toml".into(), "src".into()]);
        let created = EventKind::Create(CreateKind::File);
        for (path, concerns) in [
            ("Cargo.toml", true),
            ("Cargo.lock", false),
            ("..data", true),
            ("src/cli/new.proto", true),
            ("tests/new.proto", false),
        ] {
            assert_eq!(watched.concerns(&event(created, here.join(path))), concerns, "{path}");
        }
        let read = EventKind::Access(AccessKind::Any);
        assert!(!watched.concerns(&event(read, here.join("Cargo.toml"))));
    }

    #[test]
    fn of_a_folder_only_what_is_loaded_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().canonicalize().unwrap();
        std::fs::create_dir(place.join("new")).unwrap();
        std::fs::write(place.join("serve.log"), "reloaded").unwrap();
        let watched = Watched::of(std::slice::from_ref(&place));
        let (created, written) = (EventKind::Create(CreateKind::Any), EventKind::Modify(ModifyKind::Any));
        let (removed, renamed) = (
            EventKind::Remove(RemoveKind::Folder),
            EventKind::Modify(ModifyKind::Name(RenameMode::From)),
        );
        for (kind, path, concerns) in [
            (written, "api.proto", true),
            (removed, "deep/api.binpb.gz", true),
            (written, "serve.log", false),
            (created, "serve.log", false),
            (EventKind::Remove(RemoveKind::File), "serve.old", false),
            (renamed, "serve.log", false),
            (written, ".api.proto.swp", false),
            (written, ".api.proto", false),
            (written, ".git/api.proto", false),
            (created, "new", true),
            (removed, "gone", true),
            (renamed, "gone", true),
            (removed, ".git", false),
            (created, "..data", true),
        ] {
            let event = event(kind, place.join(path));
            assert_eq!(watched.concerns(&event), concerns, "{kind:?} {path}");
        }
    }

    #[test]
    fn what_never_rests_is_waited_for_so_long() {
        let (bell, rung) = mpsc::sync_channel(0);
        let ringing = thread::spawn(move || while bell.send(()).is_ok() {});
        settle(&rung, QUIET);
        drop(rung);
        ringing.join().unwrap();
    }
}
