//! Serves everything in `tests/suites/protos`:
//! `descant-suite-server --listen ADDR --ready-file FILE [--tls-cert FILE --tls-key FILE]`.
//!
//! With a certificate it listens once more, by TLS; that address is the second in the ready file.

use std::{env, error::Error, fs, path::PathBuf, time::Duration};

use descant::{Mount, Tls};
use descant_handlers::Health;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let Arguments {
        listen,
        ready_file,
        tls,
    } = arguments()?;
    let health = Health::new();
    let (host, port) = listen.rsplit_once(':').ok_or("--listen takes HOST:PORT")?;
    let mount = || -> Result<_, Box<dyn Error>> {
        let mount = descant_tests::mount(&health).host(host).port(port.parse()?);
        Ok(mount.grace(Duration::from_secs(30)))
    };
    let mut mounts = vec![mount()?.start().await?];
    if let (Some(certificate), Some(key)) = tls {
        let tls = Tls::builder().certificate_files(certificate, key).build()?;
        mounts.push(mount()?.tls(tls).start().await?);
    }
    let addresses = mounts.iter().flat_map(Mount::addresses);
    let addresses: Vec<String> = addresses.map(|address| address.to_string()).collect();
    let mut stop = signal(SignalKind::terminate())?;
    fs::write(ready_file, addresses.join("\n") + "\n")?;
    stop.recv().await;
    let stopping: Vec<_> = mounts
        .into_iter()
        .map(|mount| tokio::spawn(async move { mount.stop().await }))
        .collect();
    for stopped in stopping {
        stopped.await??;
    }
    Ok(())
}

struct Arguments {
    listen: String,
    ready_file: PathBuf,
    /// Certificate and key.
    tls: (Option<PathBuf>, Option<PathBuf>),
}

fn arguments() -> Result<Arguments, &'static str> {
    let mut words = env::args().skip(1);
    let (mut listen, mut ready_file, mut tls) = (None, None, (None, None));
    while let Some(word) = words.next() {
        match word.as_str() {
            "--listen" => listen = words.next(),
            "--ready-file" => ready_file = words.next().map(PathBuf::from),
            "--tls-cert" => tls.0 = words.next().map(PathBuf::from),
            "--tls-key" => tls.1 = words.next().map(PathBuf::from),
            _ => return Err("the command line makes no sense: see main.rs"),
        }
    }
    Ok(Arguments {
        listen: listen.ok_or("--listen is missing")?,
        ready_file: ready_file.ok_or("--ready-file is missing")?,
        tls,
    })
}
