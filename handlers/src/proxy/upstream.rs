//! What a proxy was told: where its upstream is, and how to go there.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_rustls::{TlsConnector, rustls::ClientConfig};

use super::{
    dial::Secure,
    target::{Place, ProxyError, Target, Wrong},
};
use crate::tls::{ClientTls, TlsError};

/// An upstream, and the options of those who call it.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) target: Arc<Target>,
    pub(super) options: Options,
    tls: ClientTls,
    /// Read when it is first needed, or asked for.
    config: Arc<Mutex<Option<Arc<ClientConfig>>>>,
}

/// What a proxy may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// Bytes of a message of a reply.
    pub(super) message_bytes: usize,
    /// How long a connection may take to be made.
    pub(super) connect_timeout: Duration,
}

impl Upstream {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target: Arc::new(target),
            options: Options {
                message_bytes: 4 << 20,
                connect_timeout: Duration::from_secs(10),
            },
            tls: ClientTls::new(),
            config: Arc::default(),
        }
    }

    /// Another way of TLS, which is read at once.
    pub(super) fn set_tls(&mut self, tls: ClientTls) -> Result<(), ProxyError> {
        #[cfg(unix)]
        if let Place::Unix(_) = self.target.place {
            self.target = Arc::new(self.target.secured());
        }
        self.tls = tls;
        self.config = Arc::default();
        self.check_tls()
    }

    /// Whether TLS can be spoken, where it is.
    pub(super) fn check_tls(&self) -> Result<(), ProxyError> {
        self.secure(&self.target).map(drop).map_err(|what| self.wrong(what))
    }

    /// Reads the files of TLS again, where there are any. If something is wrong nothing changes.
    pub(super) fn reload_tls(&self) -> Result<(), ProxyError> {
        if self.target.secure {
            let config = self.tls.config().map_err(|what| self.wrong(what))?;
            *self.config() = Some(config);
        }
        Ok(())
    }

    /// How TLS is spoken with this target; `None`: it is not.
    pub(super) fn secure(&self, target: &Target) -> Result<Option<Secure>, TlsError> {
        if !target.secure {
            return Ok(None);
        }
        let host = match &target.place {
            Place::Tcp(host, _) => host,
            #[cfg(unix)]
            Place::Unix(_) => target.authority.host(),
        };
        let name = self.tls.name(host)?;
        let mut known = self.config();
        let config = match &*known {
            Some(config) => Arc::clone(config),
            None => Arc::clone(known.insert(self.tls.config()?)),
        };
        let connector = TlsConnector::from(config);
        Ok(Some(Secure { connector, name }))
    }

    fn config(&self) -> MutexGuard<'_, Option<Arc<ClientConfig>>> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self, what: TlsError) -> ProxyError {
        let written = self.target.to_string();
        Wrong::Tls { written, what }.into()
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("target", &self.target)
            .field("options", &self.options)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
