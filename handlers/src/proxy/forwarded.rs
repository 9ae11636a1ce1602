//! What an upstream is told of who calls.

use crate::Call;

/// What a proxy tells its upstream of the caller, in the headers that proxies have for that. (They are nobody's standard; RFC 7239 is, which few read.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forwarded {
    /// Nothing: what callers say in these headers goes on as any other metadata.
    #[default]
    Pass,
    /// Its address behind those that the caller named, and whether it came over TLS unless the caller has said so: for a proxy behind others
    /// that are to be trusted.
    Add,
    /// Its address alone, and whether it came over TLS: what callers say of themselves stays here. For a proxy that the world reaches.
    Set,
}

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
/// Who says these says who calls.
const ALL: [&str; 7] = [
    FOR,
    PROTO,
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-client-cert",
    "x-real-ip",
    "forwarded",
];

impl Forwarded {
    pub(super) fn tell(self, call: &mut Call) {
        let metadata = &mut call.metadata;
        match self {
            Self::Pass => return,
            Self::Set => ALL.iter().for_each(|name| {
                metadata.remove(name);
            }),
            Self::Add => {}
        }
        // Of an IPv4 client of a socket for both it is that of IPv4.
        if let Some(address) = call.peer.address {
            let own = address.ip().to_canonical().to_string();
            let others: Vec<_> = metadata.get_all(FOR).collect();
            let all = [&others[..], &[&own]].concat().join(", ");
            // A list that is no longer one of headers was none before.
            let _ = metadata.insert(FOR, &all);
        }
        if metadata.get(PROTO).is_none() {
            let proto = if call.peer.tls.is_some() { "https" } else { "http" };
            let _ = metadata.insert(PROTO, proto);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use descant_descriptors::{Builtin, Schema};

    use super::*;
    use crate::{Messages, Metadata, Peer, TlsIdentity};

    fn told(forwarded: Forwarded, peer: Peer, said: &[(&str, &str)]) -> Vec<(String, String)> {
        let schema = Schema::builder().builtin(Builtin::Health).build().unwrap();
        let mut call = Call::new(
            schema.method("/grpc.health.v1.Health/Check").unwrap(),
            Messages::empty(),
        );
        call.peer = peer;
        let mut metadata = Metadata::new();
        for (name, value) in said {
            metadata.append(name, value).unwrap();
        }
        call.metadata = metadata;
        forwarded.tell(&mut call);
        let told = call.metadata.iter();
        let mut told: Vec<_> = told
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn who_calls_is_told_as_it_is_set() {
        let said = [
            (FOR, "9.9.9.9"),
            (FOR, "8.8.8.8"),
            (PROTO, "ftp"),
            ("x-forwarded-client-cert", "Subject=admin"),
            ("note", "a"),
        ];
        let own = |pairs: &[(&str, &str)]| {
            let mut pairs: Vec<_> = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            pairs.sort();
            pairs
        };
        let peer = Peer::at("[::ffff:10.0.0.7]:4711".parse().unwrap());
        assert_eq!(told(Forwarded::Pass, peer.clone(), &said), own(&said));
        let list = (FOR, "9.9.9.9, 8.8.8.8, 10.0.0.7");
        assert_eq!(
            told(Forwarded::Add, peer.clone(), &said),
            own(&[list, said[2], said[3], said[4]])
        );
        let alone = [(FOR, "10.0.0.7"), (PROTO, "http"), said[4]];
        assert_eq!(told(Forwarded::Set, peer, &said), own(&alone));
        let secure = Peer::at("[2001:db8::1]:1".parse().unwrap()).with_tls(Arc::new(TlsIdentity::default()));
        let both = own(&[(FOR, "2001:db8::1"), (PROTO, "https")]);
        assert_eq!(told(Forwarded::Set, secure.clone(), &[]), both);
        assert_eq!(told(Forwarded::Add, secure, &[]), both);
        // By a Unix socket.
        assert_eq!(
            told(Forwarded::Set, Peer::default(), &said),
            own(&[(PROTO, "http"), said[4]])
        );
    }
}
