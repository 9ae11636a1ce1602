//! `descant call`: calls a method of a live server.
//!
//! ```text
//! address, TLS -> connection -> descriptors (paths, or reflection) -> data -> call -> replies, status
//! ```

mod compress;
mod data;
mod failed;
mod rest;
mod show;
mod types;

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use descant::handlers::{self, Code, Coding, Encodings, Handler as _, Metadata, Status};
use descant_descriptors::{Method, Schema, Service};

use self::{
    data::Data,
    show::{Screen, Timing},
    types::Types,
};
use super::{
    args::{Call, Protocol},
    ask::Asker,
    failure::{Failure, Kind},
    grpcurl, metadata, screen,
    server::Server,
    sources,
};

/// How a call ended that was not answered well.
enum Ended {
    /// It was not made, and why.
    Failed(Failure),
    /// There is no connection, or the server ended reflection with this code.
    Refused(Failure, Code),
    /// With this status.
    Status(Status),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        match failure.status() {
            Some(code) => Self::Refused(failure, code),
            None => Self::Failed(failure),
        }
    }
}

/// Calls, prints the replies, and exits with 64 and the code of gRPC if the call fails.
pub(crate) fn run(args: &Call) -> Result<ExitCode, Failure> {
    match call(args) {
        Err(failure) if args.quiet => Ok(ExitCode::from(&failure)),
        ended => ended,
    }
}

fn call(args: &Call) -> Result<ExitCode, Failure> {
    let server = Server::at(&args.address, "", args.authority.as_ref(), &args.tls)?.within(args);
    let server = server.speaking(args)?;
    let metadata = metadata::of(&args.headers)?;
    let path = grpcurl::command(args).map_or_else(|| path(&args.method), Err)?;
    args.paths.iter().try_for_each(|path| no_data(path))?;
    let schema = match args.paths.as_slice() {
        [] => None,
        paths => Some(sources::load(paths, &args.http_rules).map_err(|error| sources::refused(&error))?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Kind::Other, error, ""))?;
    let errand = Errand {
        args,
        server,
        metadata,
        path,
        started: Instant::now(),
    };
    let ended = runtime.block_on(errand.run(schema));
    // Standard input may still be waited for.
    runtime.shutdown_background();
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Ended::Failed(failure)) => Err(failure),
        Err(Ended::Refused(failure, code)) => {
            if !args.quiet {
                failure.report();
            }
            Ok(failed::exit_code(&Status::new(code, "")))
        }
        Err(Ended::Status(status)) => Ok(failed::exit_code(&status)),
    }
}

/// A call that is to be made.
struct Errand<'a> {
    args: &'a Call,
    server: Server,
    metadata: Metadata,
    path: String,
    started: Instant,
}

impl Errand<'_> {
    async fn run(&self, schema: Option<Schema>) -> Result<(), Ended> {
        let mut screen = Screen::new(self.args, self.started);
        let (outcome, types) = match self.prepare(schema, &mut screen).await {
            Ok((method, types)) => (self.call(method, &types, &mut screen).await, Some(types)),
            Err(ended) => (Err(ended), None),
        };
        screen.finish();
        if let Err(Ended::Status(status)) = &outcome {
            let details = match types {
                Some(types) => self.in_time(failed::details(status, &types)).await.ok(),
                None => None,
            };
            failed::report(self.args, &self.server, status, details);
        }
        outcome
    }

    /// Connects, and finds the method.
    async fn prepare(&self, schema: Option<Schema>, screen: &mut Screen) -> Result<(Method, Types), Ended> {
        let connected = self.in_time(self.server.connect()).await?;
        screen.timing.phases = Some(connected.map_err(|failure| Ended::Refused(failure, Code::Unavailable))?);
        let types = if let Some(schema) = schema {
            Types::of_files(schema)
        } else {
            let asked = Instant::now();
            let asked_for = self.in_time(self.ask()).await?;
            let schema = asked_for.map_err(|failure| self.server.undescribed(failure))?;
            screen.timing.reflection = Some(asked.elapsed());
            Types::of_server(schema, &self.server, &self.metadata, self.args)
        };
        let method = self.method(&types.schema().await)?;
        if self.args.protocol == Protocol::Rest {
            rest::check(&method)?;
        }
        Ok((method, types))
    }

    async fn ask(&self) -> Result<Schema, Failure> {
        let service = self.path.trim_start_matches('/').rsplit_once('/');
        let service = service.map_or("", |(service, _)| service);
        let whole = self.whole();
        let asker = Asker::new(&self.server, self.metadata.clone());
        let mut asker = asker.http_rules(&self.args.http_rules);
        asker.schema_of_either(service, Some(&whole)).await
    }

    /// The name as that of a service, which is told so.
    fn whole(&self) -> String {
        self.path.trim_start_matches('/').replace('/', ".")
    }

    fn method(&self, schema: &Schema) -> Result<Method, Failure> {
        let found = schema.method(&self.path);
        found.ok_or_else(|| {
            if let Some(service) = schema.service(&self.whole()) {
                return no_method(&service);
            }
            let nearest = schema.nearest_methods(&self.path);
            sources::unknown("method", self.path.trim_start_matches('/'), &nearest)
        })
    }

    async fn call(&self, method: Method, types: &Types, screen: &mut Screen) -> Result<(), Ended> {
        let mut data = Data::open(self.args.data.as_deref(), &method, types.clone(), screen.codec())?;
        if self.args.protocol == Protocol::Rest {
            data = data.by_rule();
            if self.args.verbose > 0 {
                rest::tell();
            }
        }
        screen.request(&method, &self.metadata);
        let fault = data.fault();
        let mut messages = self.in_time(data.messages(screen.sizes())).await??;
        if let Some(encoding) = self.args.compress {
            messages = compress::compressed(messages, encoding).map_err(Ended::Status)?;
        }
        let mut call = handlers::Call::new(method.clone(), messages);
        call.coding = Coding::AsCame(self.args.compress);
        // Some servers compress unasked.
        call.accepted = Encodings::every();
        call.metadata = self.metadata.clone();
        call.deadline = self.deadline();
        let outcome = self
            .in_time(self.converse(call, types, screen))
            .await
            .and_then(|done| done);
        match (fault.take(), outcome) {
            // The data ended the call.
            (Some(failure), Err(Ended::Status(_))) => Err(Ended::Failed(failure)),
            (None, Err(Ended::Status(status))) => Err(match self.server.found_out(&status) {
                Some(failure) => failure.into(),
                None => Ended::Status(status),
            }),
            (_, outcome) => outcome,
        }
    }

    async fn converse(&self, call: handlers::Call, types: &Types, screen: &mut Screen) -> Result<(), Ended> {
        let output = call.method.output();
        screen.timing.sent = Some(Instant::now());
        let reply = self.server.proxy.call(call).await;
        let mut reply = reply.map_err(|status| screen.failed(status))?;
        screen.head(&reply.metadata);
        while let Some(message) = reply.messages.next().await {
            let message = message.map_err(|status| screen.failed(status))?;
            if !screen.reply(&message, &output, types).await? {
                return Ok(());
            }
        }
        screen.trailers(&reply.messages.take_trailers());
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.args.timeout.and_then(|time| self.started.checked_add(time))
    }

    /// Bounds by `--timeout`.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let Some((time, deadline)) = self.args.timeout.zip(self.deadline()) else {
            return Ok(work.await);
        };
        let done = tokio::time::timeout_at(deadline.into(), work).await;
        done.map_err(|_| {
            let what = format!("not answered within {}", humantime::format_duration(time));
            Ended::Status(Status::deadline_exceeded(what))
        })
    }
}

/// `pkg.Service/Method` or `pkg.Service.Method` as a path.
fn path(word: &str) -> Result<String, Failure> {
    let name = word.trim_start_matches(['.', '/']);
    let split = name.rsplit_once('/').or_else(|| name.rsplit_once('.'));
    match split {
        Some((service, method)) if !service.is_empty() && !method.is_empty() => Ok(format!("/{service}/{method}")),
        _ => Err(Failure::new(
            Kind::Usage,
            format!("`{}` is no method", screen::escape(word)),
            "write package.Service/Method",
        )),
    }
}

/// A word behind the method is a PATH, and may have been meant as data.
fn no_data(path: &Path) -> Result<(), Failure> {
    let is_data = path.to_str().is_some_and(|word| word.starts_with(['{', '@']));
    if !is_data || path.exists() {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Usage,
        format!("`{}` is no file or folder of descriptors", sources::shown(path)),
        "is it the message? then write -d before it",
    ))
}

/// Of what has methods one has to be chosen.
fn no_method(service: &Service) -> Failure {
    let methods: Vec<_> = service.methods().map(|method| method.name().to_owned()).collect();
    let name = screen::escape(service.full_name());
    let mend = match methods.first() {
        Some(first) => format!(
            "write {name}/{}; it has {}",
            screen::escape(first),
            screen::escape(&methods.join(", "))
        ),
        None => "it has no methods".to_owned(),
    };
    Failure::new(
        Kind::Usage,
        format!("`{name}` is a service, and one of its methods is called"),
        mend,
    )
}

impl Timing {
    fn told(duration: Duration) -> String {
        format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_written_in_two_ways() {
        for word in ["a.B/C", "a.B.C", "/a.B/C", ".a.B.C"] {
            assert_eq!(path(word).ok().as_deref(), Some("/a.B/C"), "{word}");
        }
        for word in ["C", "", "/C", "a.B/"] {
            assert!(path(word).is_err(), "{word}");
        }
    }
}
