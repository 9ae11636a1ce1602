//! What a proxy was told: where its upstream is, and how to go there.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_rustls::{TlsConnector, rustls::ClientConfig};

use super::{
    dial::Secure,
    options::ProxyOptions,
    resolve::{Resolve, System},
    target::{Authority, Place, ProxyError, Target, Wrong},
};
use crate::tls::{ClientTls, TlsError};

/// An upstream, and the options of those who call it.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) targets: Arc<[Arc<Target>]>,
    pub(super) options: ProxyOptions,
    pub(super) resolver: Arc<dyn Resolve>,
    tls: ClientTls,
    /// Read when it is first needed, or asked for.
    config: Arc<Mutex<Option<Arc<ClientConfig>>>>,
}

impl Upstream {
    pub(super) fn new(targets: Vec<Target>) -> Self {
        Self {
            targets: targets.into_iter().map(Arc::new).collect(),
            options: ProxyOptions::default(),
            resolver: Arc::new(System),
            tls: ClientTls::new(),
            config: Arc::default(),
        }
    }

    /// The name that it goes by, and its port; that of several servers is the first one's.
    pub(super) fn named(&self) -> (Cow<'_, str>, Option<u16>) {
        self.targets
            .first()
            .map(|target| target.place.named())
            .unwrap_or_default()
    }

    /// Another way of TLS, which is read at once.
    pub(super) fn set_tls(&mut self, tls: ClientTls) -> Result<(), ProxyError> {
        #[cfg(unix)]
        {
            let secured = |target: &Arc<Target>| match &target.place {
                Place::Unix(_) => Arc::new(target.secured()),
                Place::Tcp(..) => Arc::clone(target),
            };
            self.targets = self.targets.iter().map(secured).collect();
        }
        self.tls = tls;
        self.config = Arc::default();
        self.check_tls()
    }

    /// All of it under this name.
    pub(super) fn set_authority(&mut self, name: &Authority) {
        let called = |target: &Arc<Target>| Arc::new(target.called(name));
        self.targets = self.targets.iter().map(called).collect();
    }

    /// What was read of TLS depends on what else is said: the version of HTTP is chosen in it.
    pub(super) fn forget_tls(&mut self) {
        self.config = Arc::default();
    }

    /// Whether TLS can be spoken, where it is.
    pub(super) fn check_tls(&self) -> Result<(), ProxyError> {
        let mut secure = self.targets.iter().map(|target| self.secure(target).map(drop));
        secure.try_for_each(|checked| checked).map_err(|what| self.wrong(what))
    }

    /// Reads the files of TLS again, where there are any. If something is wrong nothing changes.
    pub(super) fn reload_tls(&self) -> Result<(), ProxyError> {
        if self.speaks_tls() {
            let config = self.read_tls().map_err(|what| self.wrong(what))?;
            *self.config() = Some(config);
        }
        Ok(())
    }

    /// How TLS is spoken with this target; `None`: it is not.
    pub(super) fn secure(&self, target: &Target) -> Result<Option<Secure>, TlsError> {
        if !target.secure {
            return Ok(None);
        }
        let name = self.tls.name(&target.asked_for)?;
        let mut known = self.config();
        let config = match &*known {
            Some(config) => Arc::clone(config),
            None => Arc::clone(known.insert(self.read_tls()?)),
        };
        let connector = TlsConnector::from(config);
        Ok(Some(Secure {
            connector,
            name,
            http1: self.options.http1,
        }))
    }

    fn read_tls(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut config = self.tls.config()?;
        if self.options.http1 {
            // ALPN, RFC 7301.
            Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(config)
    }

    /// Whether TLS is spoken with some of it.
    pub(super) fn speaks_tls(&self) -> bool {
        self.targets.iter().any(|target| target.secure)
    }

    fn config(&self) -> MutexGuard<'_, Option<Arc<ClientConfig>>> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self, what: TlsError) -> ProxyError {
        let written = self.to_string();
        Wrong::Tls { written, what }.into()
    }
}

/// As it was written.
impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, target) in self.targets.iter().enumerate() {
            let between = if number > 0 { ", " } else { "" };
            write!(f, "{between}{target}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("targets", &self.targets)
            .field("options", &self.options)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
