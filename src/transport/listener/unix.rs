//! Listening on Unix sockets.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use descant_handlers::{Peer, UnixIdentity};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixStream;

use super::{BACKLOG, BindError, UNIX};

/// A Unix socket that listens.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    listener: UnixListener,
    place: Place,
}

/// The file of a socket. Dropped, it removes the file, unless another socket has taken its place.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    file: Option<FileId>,
}

/// What tells two files of one path apart: the device and the inode.
type FileId = (u64, u64);

impl UnixSocket {
    pub(super) fn path(&self) -> &Path {
        &self.place.path
    }

    pub(super) fn into_parts(self) -> (UnixListener, Place) {
        (self.listener, self.place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.file.is_some()
            && id(&self.path) == self.file
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!("the socket {} is still there: {error}", self.path.display());
        }
    }
}

/// Listens at `path`, in the place of a socket there that nobody listens on any more.
pub(super) fn bind(path: &Path) -> Result<UnixSocket, BindError> {
    if path.as_os_str().is_empty() {
        return Err(BindError::at(
            path,
            "a path is needed, such as unix:/run/descant.sock",
            None,
        ));
    }
    let bound = match listen(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            make_room(path)?;
            listen(path)
        }
        bound => bound,
    };
    let listener = bound.map_err(|error| refused(path, error))?;
    let place = Place {
        path: path.to_owned(),
        file: id(path),
    };
    Ok(UnixSocket { listener, place })
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = socket()?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Removes a socket that a process left behind; whatever else is there stays.
fn make_room(path: &Path) -> Result<(), BindError> {
    let found = fs::symlink_metadata(path).map_err(|error| refused(path, error))?;
    if !found.file_type().is_socket() {
        let what = "there is a file that is no socket; remove it, or choose another path";
        return Err(BindError::at(path, what, None));
    }
    match knock(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| refused(path, error))
        }
        // A queue that is full is somebody's, too.
        Ok(()) => Err(taken(path, None)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(taken(path, None)),
        Err(error) => Err(taken(path, Some(error))),
    }
}

/// Whether anybody listens.
fn knock(path: &Path) -> io::Result<()> {
    socket()?.connect(&SockAddr::unix(path)?)
}

fn taken(path: &Path, source: Option<io::Error>) -> BindError {
    let shown = path.display();
    let unsure = source.as_ref().map(|error| format!(" (or so it seems: {error})"));
    let what = format!(
        "another process listens there{}; `lsof {shown}` (or `ss -lxp src {shown}`) shows which. Stop it, or choose \
         another path",
        unsure.unwrap_or_default()
    );
    BindError::at(path, what, source)
}

fn refused(path: &Path, source: io::Error) -> BindError {
    let what = match source.kind() {
        io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!("the system does not allow it ({source}); may this user write there?")
        }
        // What socket2 says of a path that is too long.
        io::ErrorKind::InvalidInput => format!("the path is too long for a socket ({source}); choose a shorter one"),
        _ => source.to_string(),
    };
    BindError::at(path, what, Some(source))
}

fn id(path: &Path) -> Option<FileId> {
    let file = fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

/// Who is at the other end, by what the kernel knows of it.
pub(super) fn peer(socket: &UnixStream) -> io::Result<Peer> {
    let known = socket.peer_cred()?;
    let identity = UnixIdentity::new(known.uid(), known.gid());
    Ok(Peer::on_this_machine(match known.pid() {
        Some(pid) => identity.with_pid(pid),
        None => identity,
    }))
}

impl BindError {
    fn at(path: &Path, what: impl Into<String>, source: Option<io::Error>) -> Self {
        Self {
            address: format!("{UNIX}{}", path.display().to_string().escape_debug()),
            what: what.into(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_socket_is_gone_with_its_listener() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let socket = bind(&path).unwrap();
        knock(&path).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_that_is_listened_on_stays() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let _socket = bind(&path).unwrap();
        let error = bind(&path).unwrap_err().to_string();
        assert!(error.contains("another process listens there"), "{error}");
        knock(&path).unwrap();
    }

    #[test]
    fn a_socket_that_was_left_behind_is_replaced() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("x.sock");
        drop(listen(&path).unwrap());
        assert!(path.exists());
        let _socket = bind(&path).unwrap();
        knock(&path).unwrap();
    }

    #[test]
    fn a_socket_that_took_the_place_stays() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let first = bind(&path).unwrap();
        fs::rename(&path, folder.path().join("aside")).unwrap();
        let _second = bind(&path).unwrap();
        drop(first);
        knock(&path).unwrap();
    }

    #[test]
    fn what_cannot_be_is_told() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        for (path, says) in [
            (file.clone(), "no socket"),
            (folder.path().join("gone/x.sock"), "folder does not exist"),
            (folder.path().join("x".repeat(200)), "too long"),
            (PathBuf::new(), "unix:/run/descant.sock"),
        ] {
            let error = bind(&path).unwrap_err().to_string();
            assert!(
                error.starts_with("cannot listen on unix:") && error.contains(says),
                "{error}"
            );
        }
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }
}
