//! Serves everything in `tests/suites/protos`: `descant-suite-server --listen ADDR --ready-file FILE`.

use std::{env, error::Error, fs, path::PathBuf};

use descant::Server;
use descant_handlers::Health;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (listen, ready_file) = arguments()?;
    let health = Health::new();
    let server = Server::builder(descant_tests::gateway(&health))
        .listen(listen)
        .bind()
        .await?;
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let mut stop = signal(SignalKind::terminate())?;
    fs::write(ready_file, addresses.join("\n") + "\n")?;
    server.serve(stop.recv()).await?;
    Ok(())
}

fn arguments() -> Result<(String, PathBuf), &'static str> {
    let mut words = env::args().skip(1);
    let (mut listen, mut ready_file) = (None, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--listen" => listen = words.next(),
            "--ready-file" => ready_file = words.next().map(PathBuf::from),
            _ => return Err("usage: descant-suite-server --listen ADDR --ready-file FILE"),
        }
    }
    Ok((
        listen.ok_or("--listen is missing")?,
        ready_file.ok_or("--ready-file is missing")?,
    ))
}
