//! `--watch`: a change of what was loaded reloads it.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::{Failure, Kind, reload::Reloader};
use crate::cli::sources::shown;

/// Programs write files in several steps: a reload waits until nothing has changed for this long.
const QUIET: Duration = Duration::from_millis(200);

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
            while rung.recv_timeout(QUIET).is_ok() {}
            // How it went is in the log.
            let _ = reloader.reload();
        }
    });
    Ok(Watching { watcher, targets })
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
        !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| self.holds(path))
    }

    fn holds(&self, path: &Path) -> bool {
        // Kubernetes replaces what it mounts by turning a link of this name around.
        let is_mount = path.file_name() == Some(OsStr::new("..data"));
        self.files.contains(path)
            || self.folders.iter().any(|folder| path.starts_with(folder))
            || (is_mount && self.files.iter().any(|file| file.parent() == path.parent()))
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
    use notify::event::{AccessKind, CreateKind};

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
}
