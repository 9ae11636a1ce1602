//! `--watch`: a change of what was loaded reloads it.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
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

/// Kubernetes replaces what it mounts by turning a link of this name around.
const MOUNT: &str = "..data";

/// What is watched, as long as this is there.
#[derive(Debug)]
pub(super) struct Watching {
    watcher: RecommendedWatcher,
    targets: Arc<Mutex<Watched>>,
}

impl Watching {
    /// Watches these in the place of what was watched.
    pub(super) fn follow(&mut self, paths: &[PathBuf]) {
        let next = Watched::of(paths);
        // Not locked meanwhile: the thread that tells of events waits for it, and is the one that begins to watch.
        let before = self.targets().clone();
        let news = next
            .folders()
            .filter(|folder| before.folders().all(|old| old != *folder));
        for (folder, mode) in news {
            if let Err(error) = self.watcher.watch(folder, mode) {
                tracing::warn!(
                    "--watch cannot watch {}: {error}; SIGHUP reloads by hand",
                    shown(folder)
                );
            }
        }
        let gone = before
            .folders()
            .filter(|(folder, _)| next.folders().all(|(new, _)| new != *folder));
        for (folder, _) in gone {
            // One that is no more is watched no more.
            let _ = self.watcher.unwatch(folder);
        }
        *self.targets() = next;
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
    for (folder, mode) in first.folders() {
        watcher.watch(folder, mode).map_err(|error| refused(folder, &error))?;
    }
    let reloader = Arc::clone(reloader);
    thread::spawn(move || {
        while rung.recv().is_ok() {
            settle(&rung, LONGEST_WAIT);
            // How it went is in the log.
            let _ = reloader.reload();
        }
    });
    Ok(Watching { watcher, targets })
}

/// Waits until nothing has changed for a while, at most for so long.
#[allow(clippy::disallowed_types)] // On a thread of its own.
fn settle(rung: &mpsc::Receiver<()>, longest: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < longest && rung.recv_timeout(QUIET).is_ok() {}
}

/// What is watched: folders with all that is in them, and files by way of their folders, since a file that is replaced is
/// another file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watched {
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Watched {
    fn of(paths: &[PathBuf]) -> Self {
        let absolute = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let (folders, files): (Vec<_>, Vec<_>) = paths.iter().partition(|path| path.is_dir());
        // The name of a file is kept as it is: what a link points to may be what changes.
        let in_folder = |path: &PathBuf| match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) if folder.as_os_str().is_empty() => absolute(&PathBuf::from(".")).join(name),
            (Some(folder), Some(name)) => absolute(&folder.to_owned()).join(name),
            _ => path.clone(),
        };
        Self {
            folders: folders.into_iter().map(absolute).collect(),
            files: files.into_iter().map(in_folder).collect(),
        }
    }

    fn folders(&self) -> impl Iterator<Item = (&Path, RecursiveMode)> {
        let whole = self
            .folders
            .iter()
            .map(|folder| (folder.as_path(), RecursiveMode::Recursive));
        let around: BTreeSet<_> = self.files.iter().filter_map(|file| file.parent()).collect();
        whole.chain(around.into_iter().map(|folder| (folder, RecursiveMode::NonRecursive)))
    }

    fn concerns(&self, event: &Event) -> bool {
        !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| self.holds(path, event.kind))
    }

    fn holds(&self, path: &Path, kind: EventKind) -> bool {
        let is_mount = path.file_name() == Some(OsStr::new(MOUNT));
        self.files.contains(path)
            || self.folders.iter().any(|folder| {
                path.strip_prefix(folder)
                    .is_ok_and(|inside| is_loaded(inside) && (is_mount || is_source_or_folder(path, kind)))
            })
            || (is_mount && self.files.iter().any(|file| file.parent() == path.parent()))
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
    let may_be_gone_folder = match kind {
        EventKind::Remove(kind) => kind != RemoveKind::File,
        EventKind::Modify(kind) => matches!(kind, ModifyKind::Name(_)),
        _ => false,
    };
    SchemaBuilder::takes_from_folder(path) || path.is_dir() || may_be_gone_folder && !path.exists()
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
